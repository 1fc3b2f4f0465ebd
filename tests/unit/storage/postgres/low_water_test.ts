import assert from "node:assert/strict";
import type { Holding } from "../../../../src/storage/postgres/holdings.ts";
import { LowWater, rewind } from "../../../../src/storage/postgres/low_water.ts";

function holdingAt(cursor: string): Holding {
  return {
    topic: "notes",
    partition: 0,
    keyed: "",
    lonely: "",
    inFlight: 0,
    cursor,
    count: 0,
    mark: "0",
    isRewound: false,
    isLeft: false,
  };
}

/** The end of a pass that has read all of a holding, unless it says something else. */
function end(
  lowWater: LowWater,
  holding: Holding,
  { isRipe = false, isExhausted = true } = {},
): void {
  lowWater.end({ isRipe, holdings: [holding], isExhausted: () => isExhausted });
}

Deno.test("LowWater moves a mark when a transaction that began later, and all before it, have ended", () => {
  const lowWater = new LowWater();
  const holding = holdingAt("50");
  end(lowWater, holding);
  assert.equal(lowWater.isRipe("900:900:"), false, "no transaction has begun since");
  lowWater.bind(lowWater.cut, "100");
  assert.equal(lowWater.isRipe("100:120:100"), false, "that transaction is open");
  assert.equal(lowWater.isRipe("90:120:90"), false, "an older one is open");
  assert.equal(lowWater.isRipe("101:120:101,105"), true);
  holding.cursor = "80";
  end(lowWater, holding, { isRipe: true });
  assert.equal(holding.mark, "50");
});

Deno.test("LowWater takes no transaction that was sent before the pass had ended", () => {
  const lowWater = new LowWater();
  const before = lowWater.cut;
  end(lowWater, holdingAt("50"));
  lowWater.bind(before, "100");
  assert.equal(lowWater.isRipe("900:900:"), false);
});

Deno.test("LowWater leaves a mark that a pass has not come to", () => {
  const lowWater = new LowWater();
  const holding = holdingAt("100");
  end(lowWater, holding);
  holding.cursor = "99";
  end(lowWater, holding, { isRipe: true, isExhausted: false });
  assert.equal(holding.mark, "0");
  holding.cursor = "100";
  end(lowWater, holding);
  end(lowWater, holding, { isRipe: true, isExhausted: false });
  assert.equal(holding.mark, "99", "the second cut was made at 99");
});

Deno.test("LowWater leaves a mark of which rows are to be read again", () => {
  const lowWater = new LowWater();
  const holding = holdingAt("50");
  end(lowWater, holding);
  rewind(holding);
  end(lowWater, holding, { isRipe: true });
  assert.equal(holding.mark, "0");
  end(lowWater, holding);
  assert.equal(lowWater.cut, undefined, "nor does it note where such a pass was");
});

Deno.test("LowWater notes nothing of a pass that has found nothing", () => {
  const lowWater = new LowWater();
  const holding = holdingAt("50");
  holding.mark = "50";
  end(lowWater, holding);
  assert.equal(lowWater.cut, undefined);
});
