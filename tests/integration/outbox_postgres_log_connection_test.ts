import { outboxRelay } from "@sluice/cqrs/outbox";
import assert from "node:assert/strict";
import { startPostgres } from "../services/postgres.ts";
import { assertComplete, Ledger } from "./outbox/ledger.ts";
import { ledgerPublisher } from "./outbox/ledger_publisher.ts";
import { Noted } from "./outbox/messages.ts";
import { type PostgresLog, postgresLog } from "./outbox/postgres_log.ts";

// Its own, as it is restarted.
const server = await startPostgres({ isOwn: true });
Deno.test.afterAll(() => server.stop());

const KEYS = ["a", "b", "c", "d"];

function run({ tail }: PostgresLog, ledger: Ledger) {
  const broker = ledgerPublisher(ledger.url, "tail");
  return outboxRelay({ source: tail, broker }).run({ intervalMs: 20, backoff: () => 20 });
}

for (const appendTo of ["table", "log"] as const) {
  const name = (what: string) => `the log tells of the ${appendTo}: ${what}`;

  Deno.test(
    name("a connection that is cut again and again loses and doubles nothing"),
    async () => {
      await using outbox = await postgresLog(server, appendTo);
      await using ledger = new Ledger();
      await using _running = run(outbox, ledger);
      for (let cut = 1; cut <= 6; cut++) {
        await outbox.fill(KEYS, 10);
        await outbox.until(({ active }) => active);
        await outbox.cut();
        await outbox.fill(KEYS, 10);
        await ledger.until(({ length }) => length >= cut * 80);
      }
      await outbox.until(({ confirmed, end }) => confirmed >= end);
      assert.equal(ledger.entries.length, 480);
      assertComplete(ledger, KEYS, 120);
      const types = outbox.events.map(({ type }) => type);
      assert.ok(types.filter((type) => type === "disconnected").length >= 6);
      assert.equal(types.at(-1), "reading");
    },
  );

  Deno.test(
    name("nothing is lost when the server crashes again and again under load"),
    async () => {
      await using outbox = await postgresLog(server, appendTo);
      await using ledger = new Ledger();
      const { pool, storage } = outbox;
      await pool.query("create table written (key text, n integer)");
      const running = run(outbox, ledger);
      const end = new AbortController();
      let commits = 0;
      const progress = new EventTarget();

      async function write(key: string): Promise<void> {
        for (let n = 0; !end.signal.aborted; n++) {
          try {
            await storage.transaction(async (tx) => {
              await tx.client.query("insert into written values ($1, $2)", [key, n]);
              await storage.outbox.append(tx, [Noted({ key, n })]);
            });
            commits++;
            progress.dispatchEvent(new Event("commit"));
          } catch {
            await pool.query("select 1").catch(() => {}); // the table says whether it was committed
          }
        }
      }
      const until = async (count: number) => {
        while (commits < count) {
          await new Promise((resolve) =>
            progress.addEventListener("commit", resolve, { once: true })
          );
        }
      };
      const writers = KEYS.map(write);
      for (let restart = 0; restart < 3; restart++) {
        await until((restart + 1) * 100);
        await server.restart({ mode: "immediate" });
      }
      await until(400);
      end.abort();
      await Promise.all(writers);

      const { rows } = await pool.query("select key, n from written order by n");
      const written = new Map(KEYS.map((key): [string, number[]] => [`notes/${key}`, []]));
      for (const { key, n } of rows) written.get(`notes/${key}`)?.push(n);
      await ledger.until(() => [...ledger.firsts().values()].flat().length >= rows.length);
      await running[Symbol.asyncDispose]();
      for (const [lane, numbers] of written) {
        assert.deepEqual(ledger.firsts().get(lane), numbers, lane);
      }
      assert.equal((await storage.outbox.statistics()).pending, 0);
    },
  );

  Deno.test(name("it is confirmed only when the broker has confirmed it"), async () => {
    await using outbox = await postgresLog(server, appendTo);
    await using ledger = new Ledger();
    const isAsked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    ledger.beforeAnswer = async () => {
      isAsked.resolve();
      await answer.promise;
    };
    const before = await outbox.look();
    await using running = run(outbox, ledger);
    await outbox.fill(["a"], 1);
    await isAsked.promise;
    // The server is asked about something that is written behind it, and answers that it has sent that.
    await outbox.pool.query("select pg_logical_emit_message(true, 'other', '')");
    const { end } = await outbox.look();
    const during = await outbox.until(({ sent }) => sent >= end);
    assert.ok(during.confirmed <= before.end, `${during.confirmed} is beyond ${before.end}`);
    answer.resolve();
    await outbox.until(({ confirmed }) => confirmed >= end);
    await running[Symbol.asyncDispose]();
    assert.equal(ledger.entries.length, 1);
  });

  Deno.test(
    name("what was published and not settled comes again in the next session"),
    async () => {
      await using outbox = await postgresLog(server, appendTo);
      await outbox.fill(KEYS, 3);
      const first = outbox.tail.open({ leaseMs: 30_000 });
      const rows = await first.read(100);
      assert.equal(rows.length, 12);
      const settled = rows.filter((_, n) => n % 2 === 1);
      const textOf = (row: typeof rows[number]) => new TextDecoder().decode(row.envelope.body);
      await first.settle(settled.map((row) => ({ row, outcome: "published" })));
      await first[Symbol.asyncDispose]();
      const second = outbox.tail.open({ leaseMs: 30_000 });
      const again = await second.read(100);
      assert.deepEqual(
        again.map(textOf).sort(),
        rows.filter((row) => !settled.includes(row)).map(textOf).sort(),
      );
      await second.settle(again.map((row) => ({ row, outcome: "published" })));
      await second[Symbol.asyncDispose]();
      const third = outbox.tail.open({ leaseMs: 30_000 });
      assert.deepEqual(await third.read(100), []);
      await third[Symbol.asyncDispose]();
    },
  );

  Deno.test(
    name("what was settled does not come again though the connection was cut before"),
    async () => {
      await using outbox = await postgresLog(server, appendTo);
      await outbox.fill(KEYS, 3);
      const tail = outbox.tailWith({ backoff: () => 600_000 }); // it does not connect again
      const first = tail.open({ leaseMs: 30_000 });
      const rows = await first.read(100);
      assert.equal(await outbox.cut(), true);
      await outbox.until(({ active }) => !active);
      while (outbox.events.at(-1)?.type !== "disconnected") await outbox.pool.query("select 1");
      await first.settle(rows.map((row) => ({ row, outcome: "published" })));
      await first[Symbol.asyncDispose]();
      const second = outbox.tail.open({ leaseMs: 30_000 });
      assert.deepEqual(await second.read(100), []);
      await second[Symbol.asyncDispose]();
    },
  );
}

Deno.test("the log of what has nothing to do with messages is confirmed too", async () => {
  await using outbox = await postgresLog(server, "log");
  await using ledger = new Ledger();
  await using _running = run(outbox, ledger);
  await outbox.until(({ active }) => active);
  await outbox.pool.query("create table others (n integer)");
  await outbox.pool.query("insert into others select generate_series(1, 50000)");
  const { end } = await outbox.look();
  await outbox.until(({ confirmed }) => confirmed >= end);
});

Deno.test("a slow broker makes the server wait, and not the memory grow", async () => {
  await using outbox = await postgresLog(server, "log");
  await using ledger = new Ledger();
  const { storage } = outbox;
  const isAsked = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  ledger.beforeAnswer = async () => {
    isAsked.resolve();
    await answer.promise;
  };
  const COUNT = 40_000;
  await using _running = run(outbox, ledger);
  const before = await outbox.look();
  for (let n = 0; n < COUNT; n += 1_000) {
    await storage.outbox.store(
      Array.from(
        { length: 1_000 },
        (_, i) =>
          Noted({ key: KEYS[i % KEYS.length] ?? "", n: n + i }, {
            headers: { x: "x".repeat(500) },
          }),
      ),
    );
  }
  await isAsked.promise;
  const { end, sent } = await outbox.until(({ waits }) => waits === "WalSenderWriteData");
  assert.ok(end - before.end > 20_000_000n, `The log has grown by ${end - before.end}`);
  assert.ok(sent - before.end < (end - before.end) / 2n, `${sent - before.end} were sent`);
  answer.resolve();
  await ledger.until(({ length }) => length >= COUNT);
  await outbox.until(({ confirmed }) => confirmed >= end);
  assert.equal(ledger.entries.length, COUNT);
});

Deno.test("a commit right behind one that is confirmed is not lost with the connection", async () => {
  await using outbox = await postgresLog(server, "log");
  const { storage, pool } = outbox;
  // As what they have to say is in the log already, their commits may stand side by side.
  for (let round = 0; round < 20; round++) {
    const clients = [await pool.connect(), await pool.connect()];
    for (const [n, client] of clients.entries()) {
      await client.query("begin");
      await storage.outbox.append(storage.join(client), [Noted({ key: `k${n}`, n: round })]);
    }
    await Promise.all(clients.map((client) => client.query("commit")));
    for (const client of clients) client.release();
    const first = outbox.tail.open({ leaseMs: 30_000 });
    const [row] = await first.read(1);
    assert.ok(row !== undefined);
    await first.settle([{ row, outcome: "published" }]);
    await first[Symbol.asyncDispose]();
    const second = outbox.tail.open({ leaseMs: 30_000 });
    const [next, ...others] = await second.read(10);
    assert.ok(next !== undefined, `round ${round}`);
    assert.equal(others.length, 0);
    assert.notEqual(next.envelope.key, row.envelope.key);
    await second.settle([{ row: next, outcome: "published" }]);
    await second[Symbol.asyncDispose]();
  }
});

Deno.test("a server that says nothing is left alone after a while", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const connection of listener) accepted.push(connection);
  })();
  await using outbox = await postgresLog(server, "log");
  const connection = `postgres://postgres@127.0.0.1:${listener.addr.port}/nothing`;
  const session = outbox.tailWith({ connection, timeoutMs: 200 }).open({ leaseMs: 30_000 });
  await assert.rejects(session.read(1), { name: "TimeoutError" });
  await session[Symbol.asyncDispose]();
  listener.close();
  await accepting;
  for (const each of accepted) each.close();
});
