import assert from "node:assert/strict";
import { item, outcome, ReplayPlace } from "./replay_support.ts";

const LOST = /^Error: Cannot read the run as the conversation with its node was lost$/;

/** A run of one process that a reader of another one is connected to, and has the first event of. */
async function connected(place: ReplayPlace, options = {}) {
  const [log, elsewhere] = [place.open(options), place.open(options)];
  const writer = await outcome(place, log.create("run", "ada"));
  const reader = await outcome(place, elsewhere.open("run", "ada", 0));
  assert.ok(reader !== undefined);
  const reading = reader.read();
  await outcome(place, writer.wanted());
  await writer.append(item("0"));
  assert.deepEqual(await outcome(place, reading), [item("0")]);
  return { log, elsewhere, writer, reader };
}

Deno.test("open() elsewhere finds the place of a reader that was read ahead for", async () => {
  for (
    const options of [{ maxEvents: 4 }, { maxEvents: 1 }, { maxEvents: 1_000, maxBytes: 2_000 }]
  ) {
    await using place = new ReplayPlace();
    const { elsewhere, writer, reader } = await connected(place, options);
    let count = 1;
    for (let isWanted = true; isWanted; count++) {
      isWanted = false;
      writer.wanted().then(() => isWanted = true, () => {});
      await place.advance(1_000);
      if (isWanted) await writer.append(item("x".repeat(200)));
      assert.ok(count < 20, "It is read ahead without an end");
    }
    await outcome(place, reader.close());
    const again = await outcome(place, elsewhere.open("run", "ada", 1));
    assert.ok(again !== undefined, JSON.stringify(options));
    for (let position = 1; position < count - 1;) {
      position += (await outcome(place, again.read()))?.length ?? NaN;
    }
  }
});

Deno.test("read() elsewhere gives each event once, however the events come and are read", async () => {
  for (const maxEvents of [1, 2, 3, 4, 50, Infinity]) {
    await using place = new ReplayPlace();
    const { writer, reader } = await connected(place, { maxEvents });
    const writing = (async () => {
      for (let n = 1; n < 200; n++) {
        await writer.wanted();
        await writer.append({ ...item(`${n}`), isLast: n === 199 });
      }
    })();
    const read: string[] = [];
    const reading = (async () => {
      for (let more = await reader.read(); more !== undefined; more = await reader.read()) {
        read.push(...more.map(({ data }) => data));
      }
    })();
    await outcome(place, reading);
    await writing;
    assert.deepEqual(read, Array.from({ length: 199 }, (_, n) => `${n + 1}`));
  }
});

Deno.test("open() elsewhere finds the place before what was read last, however much that was", async () => {
  for (let count = 0; count < 12; count++) {
    await using place = new ReplayPlace();
    const { elsewhere, writer, reader } = await connected(place, { maxEvents: 6 });
    const writing = (async () => {
      for (let n = 1;; n++) {
        await writer.wanted();
        await writer.append(item(`${n}`));
      }
    })().catch(() => {});
    let [before, position] = [0, 1];
    for (let n = 0; n < count; n++) {
      before = position;
      position += (await outcome(place, reader.read()))?.length ?? NaN;
    }
    await place.advance(2_000);
    await outcome(place, reader.close());
    const again = await outcome(place, elsewhere.open("run", "ada", before));
    assert.deepEqual(
      (await outcome(place, again?.read() ?? Promise.reject()))?.[0],
      item(`${before}`),
    );
    await outcome(place, elsewhere.delete("run", "ada"));
    await writing;
  }
});

Deno.test("wanted() waits until a reader elsewhere asks", async () => {
  await using place = new ReplayPlace();
  const [log, elsewhere] = [place.open(), place.open()];
  const writer = await outcome(place, log.create("run", "ada"));
  const reader = await outcome(place, elsewhere.open("run", "ada", 0));
  let isWanted = false;
  writer.wanted().then(() => isWanted = true, () => {});
  await place.advance(10_000);
  assert.equal(isWanted, false);
  const reading = reader?.read();
  await place.advance(1_000);
  assert.equal(isWanted, true);
  await writer.append(item("0"));
  assert.deepEqual(await outcome(place, reading ?? Promise.reject()), [item("0")]);
});

Deno.test("read() elsewhere is told of the end once", async () => {
  await using place = new ReplayPlace();
  const { writer, reader } = await connected(place);
  const reading = reader.read();
  await outcome(place, writer.wanted());
  await writer.append({ ...item("1"), isLast: true });
  assert.equal((await outcome(place, reading))?.length, 1);
  await place.advance(5_000);
  assert.equal(place.counts.get("answer"), 4);
  assert.equal(await outcome(place, reader.read()), undefined);
});

Deno.test("close() elsewhere ends a read that waits", async () => {
  await using place = new ReplayPlace();
  const { reader } = await connected(place);
  const reading = reader.read();
  await place.advance(1_000);
  await outcome(place, reader.close());
  assert.equal(await outcome(place, reading), undefined);
  assert.equal(await outcome(place, reader.read()), undefined);
});

Deno.test("read() elsewhere asks seldom while events come one by one", async () => {
  await using place = new ReplayPlace();
  const { writer, reader } = await connected(place, { maxEvents: 5_000 });
  for (let n = 0; n < 100; n++) {
    const reading = reader.read();
    await outcome(place, writer.wanted());
    await writer.append(item(`${n}`));
    await outcome(place, reading);
  }
  const wants = place.counts.get("want") ?? 0;
  assert.ok(wants < 10, `${wants}`);
});

Deno.test("read() elsewhere rejects when an answer cannot be sent, and the run is found again", async () => {
  await using place = new ReplayPlace();
  const { elsewhere, writer, reader } = await connected(place);
  place.failures.set("answer", 1);
  const reading = reader.read();
  await outcome(place, writer.wanted());
  await writer.append(item("1"));
  await assert.rejects(outcome(place, reading), (error) => LOST.test(`${error}`));
  await outcome(place, reader.close());
  const again = await outcome(place, elsewhere.open("run", "ada", 1));
  assert.deepEqual(await outcome(place, again?.read() ?? Promise.reject()), [item("1")]);
});

Deno.test("read() elsewhere rejects when the database has lost the conversation, and the run is found again", async () => {
  await using place = new ReplayPlace();
  const { elsewhere, writer, reader } = await connected(place);
  place.asks.clear();
  place.answers.clear();
  await assert.rejects(outcome(place, reader.read()), (error) => LOST.test(`${error}`));
  await outcome(place, reader.close());
  assert.equal(writer.signal.aborted, false);
  await writer.append(item("1"));
  const again = await outcome(place, elsewhere.open("run", "ada", 1));
  assert.deepEqual(await outcome(place, again?.read() ?? Promise.reject()), [item("1")]);
});

Deno.test("read() elsewhere gives nothing when the node of the run has died", async () => {
  await using place = new ReplayPlace();
  const { reader } = await connected(place);
  const { node } = place.runs.get("run") ?? {};
  place.failures.set("beat", Infinity); // of all nodes; only that one is looked for
  const startMs = place.clock.now();
  const events = await outcome(place, reader.read());
  assert.equal(events, undefined);
  const waitedMs = place.clock.now() - startMs;
  assert.ok(waitedMs > 10_000 && waitedMs < 15_000, `${waitedMs}`);
  assert.ok(node !== undefined && place.nodes.has(node));
});

Deno.test("read() elsewhere waits for a node that is silent for a moment", async () => {
  await using place = new ReplayPlace();
  const { writer, reader } = await connected(place);
  const reading = reader.read();
  await place.advance(500);
  const { node = "" } = place.runs.get("run") ?? {};
  place.failures.set("beat", 20);
  place.nodes.set(node, place.clock.now() - 1); // as after an outage of the database
  await place.advance(1_500);
  await outcome(place, writer.wanted());
  await writer.append(item("1"));
  assert.deepEqual(await outcome(place, reading), [item("1")]);
});

Deno.test("close() elsewhere is done later if it fails", async () => {
  await using place = new ReplayPlace();
  const { writer, reader } = await connected(place, { graceMs: 5_000 });
  await place.advance(10_000);
  assert.equal(writer.signal.aborted, false);
  place.failures.set("close", 3);
  await outcome(place, reader.close());
  await place.advance(8_000);
  assert.equal(writer.signal.aborted, true);
  assert.equal(place.asks.size, 0);
});

Deno.test("close() elsewhere leaves nothing of the conversation", async () => {
  await using place = new ReplayPlace();
  const { writer, reader } = await connected(place);
  for (const data of ["1", "2"]) await writer.append(item(data));
  await place.advance(1_000);
  await outcome(place, reader.close());
  await place.advance(1_000);
  assert.equal(place.asks.size + place.answers.size, 0);
});

Deno.test("a reader elsewhere is disconnected when its process is silent, and learns that it has to come back", async () => {
  await using place = new ReplayPlace();
  const { writer, reader } = await connected(place, { graceMs: 5_000 });
  const [{ from = "" } = {}] = place.asks.values();
  place.nodes.set(from, -Infinity);
  place.failures.set("beat", 3);
  await place.advance(1_000);
  assert.equal(place.asks.size, 0);
  await assert.rejects(outcome(place, reader.read()), (error) => LOST.test(`${error}`));
  await place.advance(6_000);
  assert.equal(writer.signal.aborted, true);
});

Deno.test("a node that others have forgotten tells of its runs again", async () => {
  await using place = new ReplayPlace();
  const [log, elsewhere] = [place.open(), place.open()];
  const runs = ["a", "b", "c"];
  for (const run of runs) await outcome(place, log.create(run, "ada"));
  await outcome(place, log.delete("c", "ada"));
  const { node = "" } = place.runs.get("a") ?? {};
  place.forget(node);
  place.failures.set("register", 1);
  await place.advance(5_000);
  for (const run of runs) {
    const reader = await outcome(place, elsewhere.open(run, "ada", 0));
    assert.equal(reader !== undefined, run !== "c", run);
  }
});

Deno.test("create() works at a node that others have just forgotten", async () => {
  await using place = new ReplayPlace();
  const [log, elsewhere] = [place.open(), place.open()];
  await outcome(place, log.create("a", "ada"));
  place.forget(place.runs.get("a")?.node ?? "");
  await outcome(place, log.create("b", "ada"));
  for (const run of ["a", "b"]) {
    assert.ok(await outcome(place, elsewhere.open(run, "ada", 0)) !== undefined, run);
  }
});

Deno.test("create() keeps nothing of a run that cannot be made known", async () => {
  await using place = new ReplayPlace();
  const log = place.open({ maxRuns: 1 });
  place.failures.set("register", 2);
  await assert.rejects(log.create("a", "ada"), /The database cannot register/);
  assert.equal(place.runs.size, 0);
  await outcome(place, log.create("a", "ada"));
});

Deno.test("create() keeps nothing of a run whose time is over at once", async () => {
  await using place = new ReplayPlace();
  const log = place.open({ graceMs: 0 });
  const { promise, resolve } = Promise.withResolvers<void>();
  place.holds.set("register", promise);
  const creating = log.create("a", "ada");
  await place.advance(100);
  resolve();
  const writer = await outcome(place, creating);
  await place.advance(1_000);
  assert.equal(writer.signal.aborted, true);
  assert.equal(place.runs.size, 0);
  await place.advance(1_000);
  assert.equal(place.clock.pendingTimers, 0);
});

Deno.test("close() ends the runs of its process, and all that it does", async () => {
  await using place = new ReplayPlace();
  const { log, elsewhere, writer } = await connected(place);
  const open = place.open();
  const closing = log.close();
  await outcome(place, closing);
  assert.equal(writer.signal.aborted, true);
  assert.deepEqual([place.runs.size, place.nodes.size], [0, 1]);
  await outcome(place, elsewhere.close());
  await outcome(place, open.close());
  assert.equal(place.clock.pendingTimers, 0);
});

Deno.test("a log does nothing once its runs are forgotten", async () => {
  await using place = new ReplayPlace();
  const log = place.open({ maxAgeMs: 5_000 });
  const writer = await outcome(place, log.create("run", "ada"));
  await writer.append({ ...item("end"), isLast: true });
  await place.advance(6_000);
  assert.equal(place.clock.pendingTimers, 0);
  assert.equal(place.runs.size, 0);
  const { counts } = place;
  const before = new Map(counts);
  await place.advance(10_000);
  assert.deepEqual(counts, before);
});
