import { bootstrap, type Codec, handlers } from "@sluice/cqrs";
import assert from "node:assert/strict";
import { isTransient } from "../../../src/consumer/transient.ts";
import { bench, Joined, joined } from "./support.ts";

Deno.test("isTransient() looks at an error and at what has led to it", () => {
  const inner = Object.assign(new Error("No answer"), { isTransient: true });
  assert.equal(isTransient(inner), true);
  assert.equal(isTransient(new Error("Cannot decode", { cause: inner })), true);
  assert.equal(isTransient(new Error("Cannot decode")), false);
  assert.equal(isTransient(undefined), false);
  const circular: Error & { cause?: unknown } = new Error("It caused itself");
  circular.cause = circular;
  assert.equal(isTransient(circular), false);
});

Deno.test("eventConsumer() tries again to read what its codec cannot read for now, and holds nothing against it", async () => {
  let outages = 7; // more than attempts are allowed
  const codec: Codec = {
    contentType: "text/plain",
    encode: () => new Uint8Array(),
    decode: () => {
      if (outages-- > 0) throw Object.assign(new Error("No registry"), { isTransient: true });
      return { id: "u1" };
    },
  };
  const seen: string[] = [];
  const { source, events, drain } = bench({
    app: bootstrap(handlers().on(Joined, ({ id }) => void seen.push(id))),
    codec,
    retry: { maxAttempts: 2, backoff: () => 1_000 },
  });
  const [delivery] = source.deliver([await joined("u1")]);
  await drain();
  assert.deepEqual(seen, ["u1"]);
  assert.equal(delivery?.acks, 1);
  assert.deepEqual(events.map(({ type }) => type), [...Array(7).fill("failed"), "handled"]);
});
