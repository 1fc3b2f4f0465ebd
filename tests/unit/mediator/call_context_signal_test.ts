import assert from "node:assert/strict";
import {
  bootstrap,
  type CallOptions,
  command,
  type Context,
  handlers,
  streamRequest,
} from "../../../mod.ts";
import { settled } from "./support.ts";

const Outer = command("outer").returns<unknown>();
const Inner = command("inner").returns<string>();
const Items = streamRequest("items").yields<string>();
const reason = new Error("Aborted");

const nestings = {
  send: (context: Context, options: CallOptions) => context.send(Inner(), options),
  stream: (context: Context, options: CallOptions) =>
    Array.fromAsync(context.stream(Items(), options)),
} as const;

/** Runs a handler that makes a nested call with a signal of its own. */
function nested(kind: keyof typeof nestings) {
  const [caller, own] = [new AbortController(), new AbortController()];
  const seen: { signal?: AbortSignal; error?: unknown } = {};
  const wait = (signal: AbortSignal) =>
    new Promise<never>((_resolve, reject) => {
      seen.signal = signal;
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
  const app = bootstrap(
    handlers()
      .on(Outer, async (_data, context) => {
        try {
          await nestings[kind](context, { signal: own.signal });
        } catch (error) {
          seen.error = error;
        }
        return context.signal.aborted;
      })
      .on(Inner, (_data, { signal }) => wait(signal))
      .on(Items, async function* (_data, { signal }) {
        yield await wait(signal);
      }),
  );
  return { sent: app.send(Outer(), { signal: caller.signal }), caller, own, seen };
}

for (const kind of ["send", "stream"] as const) {
  Deno.test(`${kind}() of the context with a signal of its own is cancelled by its handler's cancellation too`, async () => {
    const { sent, caller, own, seen } = nested(kind);
    const rejected = assert.rejects(sent, reason);
    await settled();
    caller.abort(reason);
    await rejected;
    await settled();
    assert.equal(seen.error, reason);
    assert.equal(seen.signal?.aborted, true);
    assert.equal(own.signal.aborted, false);
  });

  Deno.test(`${kind}() of the context is cancelled by its own signal, which leaves its handler alone`, async () => {
    const { sent, own, seen } = nested(kind);
    await settled();
    own.abort(reason);
    assert.equal(await sent, false);
    assert.equal(seen.error, reason);
    assert.equal(seen.signal?.aborted, true);
  });
}
