import assert from "node:assert/strict";
import { linkSignals } from "../../../src/consumer/linked_signal.ts";

Deno.test("linkSignals() aborts with the first of its signals, for the same reason", () => {
  const [a, b] = [new AbortController(), new AbortController()];
  const { signal } = linkSignals(a.signal, b.signal);
  assert.equal(signal.aborted, false);
  b.abort(new Error("b"));
  a.abort(new Error("a"));
  assert.equal(signal.reason.message, "b");
});

Deno.test("linkSignals() has aborted if one of its signals has", () => {
  const { signal } = linkSignals(new AbortController().signal, AbortSignal.abort("now"));
  assert.equal(signal.reason, "now");
});

Deno.test("linkSignals() lets go of its signals", () => {
  const source = new AbortController();
  const { signal, unlink } = linkSignals(source.signal);
  unlink();
  source.abort();
  assert.equal(signal.aborted, false);
});
