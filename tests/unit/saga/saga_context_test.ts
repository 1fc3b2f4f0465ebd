import assert from "node:assert/strict";
import { SagaContext } from "../../../src/saga/saga_context.ts";

/** What a step gets of a context, which has to be what whoever reads the text gets. */
function copyOf(context: SagaContext): unknown {
  const copy = context.copy();
  assert.deepEqual(copy, JSON.parse(context.text));
  return copy;
}

Deno.test("SagaContext gives what JSON makes of it, whatever that is", () => {
  const values = [-0, NaN, undefined, new Date(5), [1, { a: -0 }], { b: { c: 1 } }, "text", null];
  for (const value of values) {
    const start = { value };
    const context = SagaContext.of(JSON.stringify(start), start);
    copyOf(context);
    const result = { more: value };
    copyOf(context.with(result, JSON.stringify(result)));
    const again = { value: 1 };
    assert.deepEqual(copyOf(context.with(again, JSON.stringify(again))), { value: 1 });
  }
});

Deno.test("SagaContext gives a copy each time, and takes no part in what becomes of it", () => {
  const start = { n: 1, list: [1] };
  for (const data of [{ n: 1 }, start]) {
    const context = SagaContext.of(JSON.stringify(data), data);
    const copy = context.copy() as { n: number; list?: number[] };
    copy.n = 2;
    copy.list?.push(2);
    assert.deepEqual(context.copy(), data);
    assert.deepEqual(context.with({}, "{}").copy(), data);
  }
});

Deno.test("SagaContext takes what a step has added in place of what was there", () => {
  const start = { n: 1 };
  const context = SagaContext.of(JSON.stringify(start), start);
  const next = context.with({ m: 2 }, `{"m":2}`).with({ n: 3 }, `{"n":3}`);
  assert.equal(next.text, `{"n":3,"m":2}`);
  assert.equal(SagaContext.of("{}", {}).with({ n: 1 }, `{"n":1}`).text, `{"n":1}`);
});
