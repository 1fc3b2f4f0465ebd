import fc from "fast-check";
import assert from "node:assert/strict";
import { streamItems } from "../../../src/client/mod.ts";
import { RawServer, type Respond, soon } from "./raw_server.ts";
import {
  bareAnswer,
  END_OF_HEAD,
  eventsOf,
  eventsSeenBy,
  RESUMABLE_HEAD,
  STREAM_HEAD,
  Watch,
} from "./support.ts";

/** What happens to one connection. */
interface Fate {
  /** The bytes of the body that come through. */
  readonly byteCount: number;
  /** How many events that are known already the server repeats. */
  readonly overlap: number;
  /** What it answers instead. */
  readonly status: number | undefined;
}

const fate: fc.Arbitrary<Fate> = fc.record({
  byteCount: fc.nat(600),
  overlap: fc.nat(3),
  status: fc.option(fc.constantFrom(408, 429, 502, 503, 504), { nil: undefined }),
});

/** Lets each connection have its fate, and then one that is whole. */
function serving(items: readonly unknown[], fates: readonly Fate[]): Respond {
  const left = [...fates];
  return async (request, connection) => {
    const isStart = request.method === "POST";
    const { byteCount, overlap, status }: Partial<Fate> = left.shift() ?? {};
    if (status !== undefined && !isStart) return connection.write(bareAnswer(status));
    const events = eventsOf(items).slice(Math.max(0, eventsSeenBy(request) - (overlap ?? 0)));
    await connection.write(isStart ? RESUMABLE_HEAD : STREAM_HEAD + END_OF_HEAD);
    await connection.write(new TextEncoder().encode(events.join("")).slice(0, byteCount));
  };
}

Deno.test("streamItems() gives what the uncut stream has, whatever happens to its connections", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue(), { maxLength: 6 }),
      fc.array(fate, { maxLength: 6 }),
      async (items, fates) => {
        await using server = new RawServer(serving(items, fates));
        const stream = streamItems(server.url, Watch({}), { backoff: () => 0 });
        // JSON knows no negative zero.
        const expected = JSON.parse(JSON.stringify(items));
        assert.deepEqual(await soon(Array.fromAsync(stream)), expected);
        assert.equal(server.count("POST"), 1);
        assert.equal(server.count("DELETE"), 0);
      },
    ),
    { numRuns: 200 },
  );
});
