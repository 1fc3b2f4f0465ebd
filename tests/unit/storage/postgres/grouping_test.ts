import assert from "node:assert/strict";
import { Grouping } from "../../../../src/storage/postgres/grouping.ts";

/** What was done, each call as the texts that it was for; each waits until the test lets it go on. */
function open({ isUndone = true, maxAlone = 0 }: {
  readonly isUndone?: boolean;
  readonly maxAlone?: number;
} = {}) {
  const done: string[] = [];
  const gates: PromiseWithResolvers<void>[] = [];
  const work = async (what: string) => {
    done.push(what);
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
    if (what.includes("!")) throw new Error(what);
  };
  const group = new Grouping<string, string>({
    maxAlone,
    keyOf: (item) => item.charAt(0),
    sizeOf: (item) => Number(item.slice(1)) || 1,
    async one(item) {
      await work(item);
      return item.toUpperCase();
    },
    async many(items) {
      await work(items.join("+"));
      return items.map((item) => item.toUpperCase());
    },
    isUndone: () => isUndone,
  });
  /** Lets all go on that is under way, and what follows from it begin. */
  const next = async () => {
    for (const gate of gates.splice(0)) gate.resolve();
    for (let turn = 0; turn < 200; turn++) await Promise.resolve();
  };
  return { group, done, next };
}

Deno.test("Grouping does alone what is asked for while nothing is being done", async () => {
  const { group, done, next } = open();
  for (const item of ["a", "b"]) {
    const result = group.run(item);
    await next();
    await next();
    assert.equal(await result, item.toUpperCase());
  }
  assert.deepEqual(done, ["a", "b"]);
});

Deno.test("Grouping does together what is asked for at once, and what is asked for meanwhile", async () => {
  const { group, done, next } = open();
  const first = ["a", "b"].map((item) => group.run(item));
  await next();
  const second = ["c", "d", "e"].map((item) => group.run(item));
  await next();
  await next();
  assert.deepEqual(await Promise.all([...first, ...second]), ["A", "B", "C", "D", "E"]);
  assert.deepEqual(done, ["a+b", "c+d+e"]);
});

Deno.test("Grouping does together what those ask for who were answered together", async () => {
  const { group, done, next } = open();
  const twice = async (item: string) => {
    await group.run(`${item}1`);
    await group.run(`${item}2`);
  };
  const all = Promise.all(["a", "b", "c"].map(twice));
  for (let n = 0; n < 3; n++) await next();
  await all;
  assert.deepEqual(done, ["a1+b1+c1", "a2+b2+c2"]);
});

Deno.test("Grouping never does two of one key together, and does them in their order", async () => {
  const { group, done, next } = open();
  const all = Promise.all(["a", "b1", "c1", "b2", "c2", "b3"].map((item) => group.run(item)));
  for (let n = 0; n < 4; n++) await next();
  await all;
  assert.deepEqual(done, ["a+b1+c1", "b2+c2", "b3"]);
});

Deno.test("Grouping does each alone if nothing was done of them together", async () => {
  const { group, done, next } = open();
  const all = Promise.allSettled(["a", "b!", "c"].map((item) => group.run(item)));
  for (let n = 0; n < 3; n++) await next();
  assert.deepEqual((await all).map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.deepEqual(done, ["a+b!+c", "a", "b!", "c"]);
});

Deno.test("Grouping does nothing again if nobody knows what was done, and goes on with others", async () => {
  const { group, done, next } = open({ isUndone: false });
  const all = Promise.allSettled(["a", "b!"].map((item) => group.run(item)));
  await next();
  await next();
  assert.deepEqual((await all).map(({ status }) => status), ["rejected", "rejected"]);
  const later = group.run("d");
  await next();
  await next();
  assert.equal(await later, "D");
  assert.deepEqual(done, ["a+b!", "d"]);
});

Deno.test("Grouping does a hundred together at the most", async () => {
  const { group, done, next } = open();
  const items = Array.from({ length: 151 }, (_, n) => String.fromCharCode(0x4e00 + n));
  const all = Promise.all(items.map((item) => group.run(item)));
  for (let n = 0; n < 3; n++) await next();
  assert.deepEqual(await all, items);
  assert.deepEqual(done.map((what) => what.split("+").length), [100, 51]);
});

Deno.test("Grouping does so many alone at once, and together what is asked for beyond that", async () => {
  const { group, done, next } = open({ maxAlone: 2 });
  const first = ["a", "b", "c", "d"].map((item) => group.run(item));
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
  assert.deepEqual(done, ["a", "b", "c+d"]); // none of them has waited for another
  const second = ["e", "f", "g"].map((item) => group.run(item));
  await next();
  await next();
  await Promise.all([...first, ...second]);
  assert.deepEqual(done, ["a", "b", "c+d", "e+f+g"]);
  const third = group.run("h");
  assert.deepEqual(done.at(-1), "h"); // at once
  await next();
  assert.equal(await third, "H");
});

Deno.test("Grouping goes on alone after one that has failed", async () => {
  const { group, done, next } = open({ maxAlone: 1 });
  for (const item of ["a!", "b!", "c"]) {
    const result = Promise.allSettled([group.run(item)]);
    await next();
    const [outcome] = await result;
    assert.equal(outcome.status, item.includes("!") ? "rejected" : "fulfilled");
  }
  assert.deepEqual(done, ["a!", "b!", "c"]);
});

Deno.test("Grouping does others together while it does alone what could not be done together", async () => {
  const { group, done, next } = open();
  const first = Promise.allSettled(["a!", "b"].map((item) => group.run(item)));
  for (let n = 0; n < 2; n++) await next();
  assert.deepEqual(done, ["a!+b", "a!", "b"]);
  const second = ["c", "d"].map((item) => group.run(item));
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
  assert.deepEqual(done.slice(3), ["c+d"]); // while a and b are under way
  await next();
  assert.deepEqual(await Promise.all(second), ["C", "D"]);
  assert.deepEqual((await first).map(({ status }) => status), ["rejected", "fulfilled"]);
});

Deno.test("Grouping does no more together than fits, and what does not fit at all alone", async () => {
  const { group, done, next } = open();
  const items = ["a200000", "b50000", "c50000", "d1", "e9999999", "f1"];
  const all = Promise.all(items.map((item) => group.run(item)));
  for (let n = 0; n < 5; n++) await next();
  await all;
  assert.deepEqual(done, ["a200000+b50000", "c50000+d1", "e9999999", "f1"]);
});
