import assert from "node:assert/strict";
import {
  bootstrap,
  type BootstrapOptions,
  type CircuitStateStore,
  circuitBreaker,
  type Codec,
  command,
  container,
  domainEvent,
  fallback,
  handlers,
  memoryBroker,
  memoryCircuitStore,
  notification,
  TimeoutError,
  token,
  withRetry,
  withTimeout,
} from "../../../mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { recorder, settled } from "./support.ts";

const Work = command("work").returns<string>();
const Done = domainEvent("done");
const Told = notification("told", { topic: "t" });
const Unit = token<object>("unit of work");
const reason = new Error("The caller has left");

/** A codec that waits for `gate`. */
function gatedCodec(gate: Promise<void>): Codec {
  return {
    contentType: "application/json",
    encode: (data) => gate.then(() => new TextEncoder().encode(JSON.stringify(data ?? null))),
    decode: () => undefined,
  };
}

for (const where of ["no composite", "withRetry()", "fallback()"] as const) {
  Deno.test(`an abort while an asynchronous codec is at work for a handler that succeeded within ${where} is too late`, async () => {
    const caller = new AbortController();
    const gate = Promise.withResolvers<void>();
    const broker = memoryBroker();
    const { observer, of } = recorder();
    let events = 0;
    const options: BootstrapOptions = {
      broker,
      observer,
      codec: gatedCodec(gate.promise),
    };
    const work = (_data: unknown, { emit }: { emit: (...events: never[]) => void }) => {
      (emit as (...events: readonly unknown[]) => void)(Done(), Told());
      return "worked";
    };
    const registry = handlers().on(Done, () => void events++);
    const app = bootstrap(
      where === "withRetry()"
        ? registry.on(Work, withRetry(work))
        : where === "fallback()"
        ? registry.on(Work, fallback(work, () => "fell back"))
        : registry.on(Work, work),
      options,
    );
    const sent = app.send(Work(), { signal: caller.signal });
    await settled();
    caller.abort(reason);
    gate.resolve();
    assert.equal(await sent, "worked");
    assert.equal(events, 1);
    assert.equal(of("published").length, 1);
    assert.deepEqual([of("dropped"), of("cancelled")], [[], []]);
  });
}
