import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { PgoutputPlugin } from "pg-logical-replication";
import { readEntry } from "../../../../src/storage/postgres_log/log_entry.ts";
import { parseLsn } from "../../../../src/storage/postgres_log/lsn.ts";

/** What the server sends. */
function sent(lsn: bigint, prefix: string, content: Uint8Array): Buffer {
  const head = Buffer.alloc(10);
  head.write("M\x01", "latin1");
  head.writeBigUInt64BE(lsn, 2);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  return Buffer.concat([head, Buffer.from(`${prefix}\0`), length, content]);
}

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("readEntry() reads what the client library reads", () => {
  const entries = fc.record({
    lsn: fc.bigInt({ min: 1n, max: 2n ** 53n - 1n }),
    prefix: fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !text.includes("\0")),
    content: fc.uint8Array(),
  });
  const plugin = new PgoutputPlugin({ protoVersion: 1, publicationNames: [] });
  fc.assert(fc.property(entries, ({ lsn, prefix, content }) => {
    const bytes = sent(lsn, prefix, content);
    const message = plugin.parse(bytes);
    assert.ok(message.tag === "message");
    const entry = readEntry(bytes, encode(message.prefix));
    assert.equal(BigInt(entry?.lsn ?? 0), parseLsn(message.messageLsn ?? "0/0"));
    assert.deepEqual([...entry?.content ?? []], [...message.content]);
  }));
});

Deno.test("readEntry() passes over other prefixes, also those that begin alike", () => {
  const bytes = sent(1n, "sluice_outbox", encode("x"));
  for (const prefix of ["sluice_outbo", "sluice_outbox_", "sluice", "", "other", "x".repeat(100)]) {
    assert.equal(readEntry(bytes, encode(prefix)), undefined, prefix);
  }
});
