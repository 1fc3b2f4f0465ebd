import assert from "node:assert/strict";
import { postgresStorage } from "../../../../src/storage/postgres/mod.ts";
import {
  postgresLogTail,
  type PostgresLogTailOptions,
} from "../../../../src/storage/postgres_log/mod.ts";

const nobody = () => Promise.reject<never>(new Error("Nobody is there"));
const storage = postgresStorage({
  query: nobody,
  transaction: nobody,
  join: (client: unknown) => ({ client, query: nobody }),
});

const tailOf = (options: Partial<PostgresLogTailOptions>) =>
  postgresLogTail({ storage, connection: "postgres://127.0.0.1:1/none", ...options });

Deno.test("postgresLogTail() does nothing until it is used", async () => {
  const tail = tailOf({});
  await tail.open({ leaseMs: 1_000 })[Symbol.asyncDispose]();
});

Deno.test("postgresLogTail() refuses names that would have to be quoted", () => {
  for (const name of ["", "Outbox", "out-box", "out box", 'out"box', "x".repeat(64)]) {
    assert.throws(() => tailOf({ slot: name }), TypeError, name);
    assert.throws(() => tailOf({ publication: name }), TypeError, name);
  }
  tailOf({ slot: "x".repeat(63), publication: "_9" });
});

Deno.test("postgresLogTail() refuses numbers that are out of their range", () => {
  for (const number of [-1, NaN]) {
    assert.throws(() => tailOf({ pollMs: number }), RangeError);
  }
  for (const number of [0, -1, NaN, Infinity]) {
    assert.throws(() => tailOf({ standbyMs: number }), RangeError);
    assert.throws(() => tailOf({ timeoutMs: number }), RangeError);
  }
  assert.throws(() => tailOf({ backoff: { initialDelayMs: -1 } }), RangeError);
  tailOf({ pollMs: 0, standbyMs: 1, timeoutMs: 1 });
  tailOf({ pollMs: Infinity, backoff: () => 0 });
});

Deno.test("open() refuses a lease that is out of its range", () => {
  for (const leaseMs of [0, -1, NaN, Infinity]) {
    assert.throws(() => tailOf({}).open({ leaseMs }), RangeError);
  }
});

Deno.test("read() rejects with what keeps it from looking at the slot", async () => {
  const session = tailOf({}).open({ leaseMs: 1_000 });
  await assert.rejects(session.read(1), /Nobody is there/);
  await session[Symbol.asyncDispose]();
  await assert.rejects(session.read(1), { name: "LeaseLostError" });
});

Deno.test("subscribe() calls for what the storage tells, until it is disposed", async () => {
  const tail = tailOf({});
  let calls = 0;
  const subscription = await tail.subscribe(() => calls++);
  await storage.outbox.wake();
  assert.equal(calls, 1);
  await subscription[Symbol.asyncDispose]();
  await storage.outbox.wake();
  assert.equal(calls, 1);
});
