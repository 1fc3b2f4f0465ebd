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

Deno.test("eventConsumer() handles what stands before it and other partitions while a codec waits, also on a last chance", async () => {
  for (const starts of [0, 2]) {
    let outages = 3;
    const codec: Codec = {
      contentType: "text/plain",
      encode: () => new Uint8Array(),
      decode: (bytes) => {
        const id = new TextDecoder().decode(bytes);
        if (id === "waits" && outages-- > 0) {
          throw Object.assign(new Error("No registry"), { isTransient: true });
        }
        return { id };
      },
    };
    const { source, storage, events, drain } = bench({
      app: bootstrap(handlers().on(Joined, () => {})),
      codec,
      batchSize: 10,
    });
    for (let n = 0; n < starts; n++) {
      if (n === 0) await storage.inbox.begin("billing", ["waits"]);
      else await storage.inbox.beginAgain("billing", "waits");
    }
    const text = async (id: string) => await joined(id, { body: new TextEncoder().encode(id) });
    source.deliver([await text("before"), await text("waits")]);
    source.deliver([await text("other")], { partition: "1" });
    assert.match(await drain(), /^3 handled, .* 0 dead$/);
    const handled = events.flatMap((event) => event.type === "handled" ? event.envelope.id : []);
    assert.equal(handled.at(-1), "waits");
    const firstOther = events.findIndex((event) =>
      event.type === "handled" && event.envelope.id === "other"
    );
    const lastFailure = events.findLastIndex(({ type }) => type === "failed");
    assert.ok(firstOther < lastFailure, "the other partition waited");
    const before = events.findIndex((event) =>
      event.type === "handled" && event.envelope.id === "before"
    );
    assert.ok(before < lastFailure, "what stands before it waited");
  }
});
