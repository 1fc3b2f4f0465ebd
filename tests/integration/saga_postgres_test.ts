import { fromPg, postgresStorage, type PostgresStorageOptions } from "@sluice/cqrs/postgres";
import type { NewSaga, SagaChange, SagaLogEntry } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
// @ts-types="npm:@types/pg@^8"
import pg from "pg";
import { startPostgres } from "../services/postgres.ts";
import { messages } from "./outbox/envelopes.ts";
import { spiedClient } from "./outbox/spied_client.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const LEASE = { owner: "me", leaseMs: 60_000 };

async function openStorage(options: PostgresStorageOptions = {}) {
  const database = await server.createDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 8 });
  pool.on("error", () => {});
  const client = spiedClient(fromPg(pool));
  const storage = postgresStorage(client, options);
  await storage.migrate();
  client.sent.length = 0;
  return {
    pool,
    client,
    storage,
    sagas: storage.sagas,
    async [Symbol.asyncDispose]() {
      await pool.end();
      await database.drop();
    },
  };
}

const grouped = () => openStorage({ sagas: { groupCheckpoints: true } });

function newSaga(id: string, more: Partial<NewSaga> = {}): NewSaga {
  const entries = [entry(1, "a")];
  return {
    id,
    name: "order",
    version: 1,
    status: "running",
    context: "{}",
    metadata: "{}",
    entries,
    ...more,
  };
}

function entry(number: number, step: string, more: Partial<SagaLogEntry> = {}) {
  return { number, action: "act", step, status: "completed", attempt: 1, ...more } as const;
}

function change(number: number, more: Partial<SagaChange> = {}): SagaChange {
  const entries = [entry(number, `s${number}`, { result: `{"n":"\\u0000${number}"}` })];
  return { context: `{"n":${number}}`, entries, hasProgressed: true, leaseMs: 60_000, ...more };
}

const IDS = Array.from({ length: 40 }, (_, n) => `saga ${n}`);

Deno.test("checkpoint() with groupCheckpoints writes many sagas with few statements, each with all that is its own", async () => {
  await using database = await grouped();
  const { sagas, storage, client } = database;
  const made = await Promise.all([...IDS, "saga 3"].map((id) => sagas.create(newSaga(id), LEASE)));
  assert.deepEqual(made.filter((isNew) => !isNew).length, 1);
  for (const number of [2, 3]) {
    const holds = await Promise.all(IDS.map((id, n) => {
      const more = n === 7 ? { messages: messages("a1 a2 a3") } : n === 8
        ? {
          status: "waiting",
          resumeInMs: Infinity,
          leaseMs: 0,
          parkedReason: "why\0",
          error: "",
        } as const
        : {};
      return sagas.checkpoint(id, number - 1, change(number, more));
    }));
    assert.deepEqual(holds, IDS.map(() => ({ revision: number, signals: 0 })));
  }
  assert.ok(client.sent.length < 12, `${client.sent.length} statements`);
  for (const [n, id] of IDS.entries()) {
    const saga = await sagas.load(id);
    assert.deepEqual(saga?.log.map(({ number, step }) => `${number} ${step}`), [
      "1 a",
      "2 s2",
      "3 s3",
    ]);
    assert.equal(saga.log[2]?.result, '{"n":"\\u00003"}');
    const { status, context, parkedReason, error, owner, resumeInMs } = saga.record;
    assert.equal(context, '{"n":3}');
    assert.deepEqual(
      [status, parkedReason, error, owner, resumeInMs],
      n === 8
        ? ["waiting", "why\ufffd", "", undefined, Infinity]
        : ["running", undefined, undefined, "me", 0],
    );
  }
  const session = storage.outbox.open({ leaseMs: 60_000 });
  const rows = await session.read(10);
  assert.deepEqual(rows.map(({ envelope }) => envelope.id), ["a1", "a2", "a3", "a1", "a2", "a3"]);
  await session[Symbol.asyncDispose]();
});

Deno.test("checkpoint() with groupCheckpoints writes to those whose revision is right, whatever else is asked for", async () => {
  await using database = await grouped();
  const { sagas, storage } = database;
  await Promise.all(IDS.map((id) => sagas.create(newSaga(id), LEASE)));
  const isStale = (n: number) => n % 5 === 0;
  const holds = await Promise.all(
    IDS.map((id, n) =>
      sagas.checkpoint(id, isStale(n) ? 9 : 1, change(2, { messages: messages(`k${n}`) }))
    ),
  );
  assert.deepEqual(holds.map((hold) => hold === undefined), IDS.map((_, n) => isStale(n)));
  for (const [n, id] of IDS.entries()) {
    assert.equal((await sagas.load(id))?.log.length, isStale(n) ? 1 : 2);
  }
  assert.equal((await storage.outbox.statistics()).pending, 32);
  const twice = await Promise.all([1, 2].map(() => sagas.checkpoint("saga 1", 2, change(3))));
  assert.deepEqual(twice.map((hold) => hold?.revision), [3, undefined]);
});

Deno.test("checkpoint() with groupCheckpoints writes the others if the database refuses one", async () => {
  await using database = await grouped();
  const { sagas } = database;
  await Promise.all(IDS.map((id) => sagas.create(newSaga(id), LEASE)));
  const results = await Promise.allSettled(
    IDS.map((id, n) => sagas.checkpoint(id, 1, change(2, n === 11 ? { context: "{no JSON" } : {}))),
  );
  assert.deepEqual(
    results.map(({ status }) => status),
    IDS.map((_, n) => n === 11 ? "rejected" : "fulfilled"),
  );
  assert.equal((await sagas.load("saga 11"))?.log.length, 1);
  assert.equal((await sagas.load("saga 12"))?.log.length, 2);
});

Deno.test("checkpoint() with groupCheckpoints is not repeated when its answer is lost", async () => {
  await using database = await grouped();
  const { sagas, client } = database;
  await Promise.all(["a", "b"].map((id) => sagas.create(newSaga(id), LEASE)));
  client.sent.length = 0;
  client.after = () => {
    throw new Error("The connection is lost");
  };
  const results = await Promise.allSettled(
    ["a", "b"].map((id) => sagas.checkpoint(id, 1, change(2))),
  );
  client.after = () => {};
  assert.deepEqual(results.map(({ status }) => status), ["rejected", "rejected"]);
  assert.equal(client.sent.length, 1);
  assert.equal((await sagas.load("b"))?.record.revision, 2);
});

Deno.test("checkpoint() of a saga that somebody has locked holds up neither the others nor their leases", async () => {
  for (const groupCheckpoints of ["when busy", true] as const) {
    await using database = await openStorage({ sagas: { groupCheckpoints } });
    const { sagas, pool } = database;
    await Promise.all(IDS.map((id) => sagas.create(newSaga(id), LEASE)));
    const other = await pool.connect();
    await other.query("begin");
    await other.query("select from sluice_saga where id = 'saga 9' for update");
    const holds = IDS.map((id) => sagas.checkpoint(id, 1, change(2)));
    const [locked] = holds.splice(9, 1);
    const written = await Promise.all(holds);
    assert.ok(written.every((hold) => hold?.revision === 2));
    const others = IDS.filter((id) => id !== "saga 9");
    const again = await Promise.all(others.map((id) => sagas.checkpoint(id, 2, change(3))));
    assert.ok(again.every((hold) => hold?.revision === 3));
    assert.equal((await sagas.keep([{ id: "saga 3", revision: 3 }], 60_000))[0]?.revision, 3);
    assert.equal((await sagas.load("saga 9"))?.record.revision, 1);
    await other.query("commit");
    assert.equal((await locked)?.revision, 2);
    other.release();
  }
});

Deno.test("checkpoint() writes each alone if a statement for several has run out of its time", async () => {
  await using database = await grouped();
  const { sagas, client } = database;
  await Promise.all(["a", "b"].map((id) => sagas.create(newSaga(id), LEASE)));
  client.sent.length = 0;
  client.before = () => {
    client.before = () => {};
    throw Object.assign(new Error("canceling statement due to statement timeout"), {
      code: "57014",
    });
  };
  const holds = await Promise.all(["a", "b"].map((id) => sagas.checkpoint(id, 1, change(2))));
  assert.deepEqual(holds.map((hold) => hold?.revision), [2, 2]);
});

Deno.test("create() of ids that are the same as the database has them starts one saga", async () => {
  for (const groupCheckpoints of ["when busy", true, false] as const) {
    await using database = await openStorage({ sagas: { groupCheckpoints } });
    const { sagas } = database;
    const ids = ["a\ud800", "a\udbff", "a\ufffd", "b"];
    const starts = ids.map((id) => sagas.create(newSaga(id, { entries: [] }), LEASE));
    const made = await Promise.all(starts);
    assert.deepEqual(made.filter((isNew) => isNew).length, 2);
  }
});

Deno.test("checkpoint() and keep() are one statement each, whatever is written", async () => {
  await using database = await openStorage();
  const { sagas, client } = database;
  await sagas.create(newSaga("a"), LEASE);
  await sagas.signal("a", { id: "x", name: "paid", data: "1" });
  client.sent.length = 0;
  const hold = await sagas.checkpoint(
    "a",
    1,
    change(2, {
      status: "waiting",
      error: "e",
      parkedReason: "p",
      consumed: ["x", "none"],
      messages: messages("a1 b1"),
      entries: [2, 3, 4, 5, 6].map((number) => entry(number, "s")),
      resumeInMs: 5,
    }),
  );
  assert.deepEqual(hold, { revision: 2, signals: 0 });
  await sagas.keep([{ id: "a", revision: 2 }], 1_000);
  assert.equal(client.sent.length, 2);
});

Deno.test("checkpoint() of a step writes to no index of the sagas", async () => {
  await using database = await openStorage();
  const { sagas, pool } = database;
  for (let n = 0; n < 50; n++) {
    await sagas.create(newSaga(`saga ${n}`), LEASE);
    for (let number = 2; number <= 5; number++) {
      await sagas.checkpoint(`saga ${n}`, number - 1, change(number));
    }
  }
  const client = await pool.connect(); // the one connection, as nothing was done at the same time
  try {
    await client.query("select pg_stat_force_next_flush()");
    const { rows: [row] } = await client.query(
      `select pg_stat_get_tuples_updated(c) as all, pg_stat_get_tuples_hot_updated(c) as hot
       from (select 'sluice_saga'::regclass::oid as c) s`,
    );
    assert.equal(Number(row.all), 200);
    assert.ok(Number(row.hot) >= 180, `${row.hot} of ${row.all}`);
  } finally {
    client.release();
  }
});

Deno.test("claim() that has waited for a checkpoint gives all of the log", async () => {
  await using database = await openStorage();
  const { sagas, pool } = database;
  await sagas.create(newSaga("a"), LEASE);
  await sagas.checkpoint("a", 1, change(2, { leaseMs: 0 }));
  const other = await pool.connect();
  try {
    await other.query("begin");
    await other.query("update sluice_saga set revision = 3 where id = 'a'");
    await other.query(
      `insert into sluice_saga_log (saga, number, attempt, at, action, status)
       values ('a', 3, 1, now(), 'resume', 'completed')`,
    );
    const claiming = sagas.claim("a", LEASE);
    await waiting(pool);
    await other.query("commit");
    const saga = await claiming;
    assert.equal(saga?.record.revision, 4);
    assert.deepEqual(saga.log.map(({ number }) => number), [1, 2, 3]);
  } finally {
    other.release();
  }
});

/** Resolves when a statement waits for the lock of another. */
async function waiting(pool: pg.Pool): Promise<void> {
  for (;;) {
    const { rows } = await pool.query(
      "select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
    );
    if (rows.length > 0) return;
  }
}

Deno.test("create() and signal() refuse what no table takes, and nothing is sent", async () => {
  for (const options of [{}, { sagas: { groupCheckpoints: true } }]) {
    await using database = await openStorage(options);
    const { sagas, client } = database;
    const long = "ä".repeat(251);
    for (const wrong of [{ id: "a\0" }, { id: long }, { name: "\0" }, { name: long }]) {
      await assert.rejects(sagas.create(newSaga("a", wrong), LEASE), TypeError);
    }
    for (const wrong of [{ id: "a\0" }, { id: long }, { name: "\0" }]) {
      const signal = { id: "x", name: "paid", data: undefined, ...wrong };
      await assert.rejects(sagas.signal("a", signal), TypeError);
    }
    assert.equal(client.sent.length, 0);
    assert.equal(await sagas.create(newSaga("ä".repeat(250)), LEASE), true);
    assert.equal(await sagas.load("a\0"), undefined);
    assert.equal(await sagas.load("ä".repeat(5_000)), undefined);
  }
});
