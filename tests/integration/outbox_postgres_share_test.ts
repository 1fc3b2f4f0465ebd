import { fromPg, postgresStorage } from "@sluice/cqrs/postgres";
import type { OutboxRow, OutboxSession } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { messages } from "./outbox/envelopes.ts";
import { kindOf, spiedClient } from "./outbox/spied_client.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

async function openOutbox() {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 12 });
  pool.on("error", () => {});
  const client = spiedClient(fromPg(pool));
  const storage = postgresStorage(client);
  await storage.migrate();
  const sessions: OutboxSession[] = [];
  return {
    client,
    storage,
    open(topics?: readonly string[]): OutboxSession {
      const other = postgresStorage(client);
      const session = other.outbox.open({ leaseMs: 60_000, topics });
      sessions.push(session);
      return session;
    },
    /** How many partitions of a topic each session holds, the most first. */
    async shares(topic = "notes"): Promise<number[]> {
      const { rows } = await pool.query(
        `select count(*)::integer as count from sluice_outbox_lease where topic = $1 group by owner
         order by 1 desc`,
        [topic],
      );
      return rows.map(({ count }) => count);
    },
    async fill(count: number, topic = "notes") {
      const texts = Array.from({ length: count }, (_, n) => `${"k".repeat(n % 40 + 1)}${n}`);
      await storage.outbox.store(messages(texts.join(" "), { topic }));
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) await session[Symbol.asyncDispose]();
      await pool.end();
      await database.drop();
    },
  };
}

async function work(session: OutboxSession, maxRows = 10): Promise<readonly OutboxRow[]> {
  const rows = await session.read(maxRows);
  await session.settle(rows.map((row) => ({ row, outcome: "published" })));
  return rows;
}

Deno.test("sessions that come and go share the partitions of a topic evenly", async () => {
  await using outbox = await openOutbox();
  await outbox.fill(20_000);
  const [first, second, third] = [outbox.open(), outbox.open(), outbox.open()];
  /** Works until the shares are these; a session that is busy looks for a free partition once a second. */
  const settle = async (sessions: readonly OutboxSession[], expected: readonly number[]) => {
    const untilMs = performance.now() + 20_000;
    for (let shares: number[] = []; `${shares}` !== `${expected}`;) {
      assert.ok(performance.now() < untilMs, `The shares are ${shares}`);
      for (const session of sessions) await work(session, 2);
      shares = await outbox.shares();
    }
  };
  await settle([first], [16]);
  await settle([first, second], [8, 8]);
  await settle([first, second, third], [6, 5, 5]);
  await first[Symbol.asyncDispose]();
  await settle([second, third], [8, 8]);
  await second[Symbol.asyncDispose]();
  await settle([third], [16]);
});

Deno.test("sessions with other topics take nothing from a session's share", async () => {
  await using outbox = await openOutbox();
  await outbox.fill(400, "a");
  await outbox.fill(400, "b");
  const [ofA, ofBoth, ofB, ofC] = [["a"], ["a", "b"], ["b"], ["c"]].map((topics) =>
    outbox.open(topics)
  );
  for (let n = 0; n < 4; n++) {
    for (const session of [ofA, ofBoth, ofB, ofC]) await work(session as OutboxSession);
  }
  assert.deepEqual(await outbox.shares("a"), [8, 8]);
  assert.deepEqual(await outbox.shares("b"), [8, 8]);
  assert.deepEqual(await outbox.shares("c"), []);
});

Deno.test("a session lets nothing go of which it has rows in flight", async () => {
  await using outbox = await openOutbox();
  await outbox.fill(400);
  const [first, second] = [outbox.open(), outbox.open()];
  const rows = await first.read(100);
  assert.equal((await second.read(100)).length, 0);
  const ahead = await first.read(100);
  assert.equal((await second.read(100)).length, 0);
  const given = new Set([...rows, ...ahead].map(({ position }) => position));
  await first.settle(rows.map((row) => ({ row, outcome: "published" })));
  await first.settle(ahead.map((row) => ({ row, outcome: "published" })));
  await first.read(1);
  const others = await second.read(100);
  assert.ok(others.length > 0);
  assert.ok(others.every(({ position }) => !given.has(position)));
});

Deno.test("an idle look is one statement, whoever else is there", async () => {
  await using outbox = await openOutbox();
  await outbox.fill(40);
  const [first, second] = [outbox.open(), outbox.open()];
  for (let n = 0; n < 10; n++) {
    for (const session of [first, second]) await work(session);
  }
  for (const session of [first, second]) assert.equal((await session.read(10)).length, 0);
  const from = outbox.client.sent.length;
  for (let n = 0; n < 5; n++) {
    for (const session of [first, second]) assert.equal((await session.read(10)).length, 0);
  }
  assert.deepEqual(outbox.client.sent.slice(from).map(kindOf), Array(10).fill("survey"));
});

Deno.test("a pass that finds rows again and again looks at what else there is after a while", async () => {
  await using outbox = await openOutbox();
  await outbox.fill(1_000);
  const session = outbox.open();
  await work(session, 2);
  await outbox.fill(10, "other");
  let rounds = 0;
  for (let isFound = false; !isFound; rounds++) {
    assert.ok(rounds < 200);
    isFound = (await work(session, 2)).some(({ envelope }) => envelope.topic === "other");
  }
});
