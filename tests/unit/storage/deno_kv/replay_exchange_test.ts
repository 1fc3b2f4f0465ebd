import { ManualClock } from "@sluice/cqrs/testing";
import assert from "node:assert/strict";
import { KvReplayExchange } from "../../../../src/storage/deno_kv/replay_exchange.ts";
import type { ReplayAsk } from "../../../../src/storage/replay_exchange.ts";
import { type CountingKv, countingKv, databaseOf, PREFIX } from "./support.ts";

const LEASE_MS = 10_000;

/** Two processes that share a database; each sees the others with its own eyes. */
async function open() {
  const counting = await countingKv();
  const clock = new ManualClock(1_800_000_000_000);
  const exchange = () => new KvReplayExchange(databaseOf(counting.kv, clock), PREFIX, clock);
  return {
    counting,
    clock,
    exchange,
    [Symbol.dispose]: () => counting[Symbol.dispose](),
  };
}

/** What is kept of replay logs. */
async function kept({ raw }: CountingKv): Promise<string[]> {
  const entries = await Array.fromAsync(raw.list({ prefix: [...PREFIX, "replay"] }));
  return entries.map(({ key }) => key.slice(2).join("/"));
}

function askOf(node: string, from: string, link = "link"): ReplayAsk {
  return { link, node, from, run: "run", owner: "ada", kind: "read", position: 0, wanted: 1 };
}

/** Lets so much time pass, in which one node looks again and again and the others are silent. */
async function watch(exchange: KvReplayExchange, clock: ManualClock, durationMs: number) {
  for (let ms = 0; ms < durationMs; ms += LEASE_MS / 4) {
    await clock.advance(LEASE_MS / 4);
    await exchange.beat("watcher", LEASE_MS);
  }
}

Deno.test("beat() tells whether the node was known", async () => {
  using place = await open();
  const exchange = place.exchange();
  assert.equal(await exchange.beat("a", LEASE_MS), false);
  assert.equal(await exchange.beat("a", LEASE_MS), true);
  await exchange.leave("a");
  assert.equal(await exchange.beat("a", LEASE_MS), false);
});

Deno.test("beat() forgets a node that was silent for four leases, with all that belongs to it", async () => {
  using place = await open();
  const [exchange, watcher] = [place.exchange(), place.exchange()];
  await exchange.beat("dead", LEASE_MS);
  await watcher.beat("watcher", LEASE_MS);
  for (let n = 0; n < 600; n++) await exchange.register(`run ${n}`, { owner: "ada", node: "dead" });
  await exchange.ask(askOf("dead", "watcher"));
  await exchange.answer(askOf("dead", "watcher"), 0, "x".repeat(100_000));
  await watch(watcher, place.clock, 4 * LEASE_MS);
  assert.ok(await watcher.find("run 0") !== undefined);
  await watch(watcher, place.clock, LEASE_MS);
  assert.deepEqual(await kept(place.counting), ["node/watcher"]);
  assert.equal(await watcher.find("run 0"), undefined);
});

Deno.test("beat() of a node that is being forgotten stops that, and tells", async () => {
  using place = await open();
  const [exchange, watcher] = [place.exchange(), place.exchange()];
  await exchange.beat("slow", LEASE_MS);
  for (let n = 0; n < 600; n++) await exchange.register(`run ${n}`, { owner: "ada", node: "slow" });
  await watcher.beat("watcher", LEASE_MS);
  await watch(watcher, place.clock, 4 * LEASE_MS);
  let wasKnown: boolean | undefined;
  let commits = 0;
  place.counting.onCommit = async (_, go) => {
    // Between the first part of its runs and the second one.
    if (++commits === 4) {
      place.counting.onCommit = (_, go) => go();
      wasKnown = await exchange.beat("slow", LEASE_MS);
      for (let n = 0; n < 600; n++) {
        await exchange.register(`run ${n}`, { owner: "ada", node: "slow" });
      }
    }
    return await go();
  };
  await watch(watcher, place.clock, LEASE_MS);
  assert.equal(wasKnown, false);
  for (const run of ["run 0", "run 300", "run 599"]) {
    assert.deepEqual(await watcher.find(run), { owner: "ada", node: "slow" });
  }
});

Deno.test("beat() goes on with what died while it forgot a node", async () => {
  using place = await open();
  const [exchange, first, second] = [place.exchange(), place.exchange(), place.exchange()];
  await exchange.beat("dead", LEASE_MS);
  await exchange.register("run", { owner: "ada", node: "dead" });
  await first.beat("watcher", LEASE_MS);
  await watch(first, place.clock, 4 * LEASE_MS);
  let commits = 0;
  place.counting.onCommit = (_, go) => ++commits === 3 ? Promise.reject(new Error("Killed")) : go();
  await assert.rejects(watch(first, place.clock, LEASE_MS), /Killed/);
  place.counting.onCommit = (_, go) => go();
  await watch(second, place.clock, 5 * LEASE_MS);
  assert.deepEqual(await kept(place.counting), ["node/watcher"]);
});

Deno.test("asksOf() ends conversations with a node that is silent, with what was answered", async () => {
  using place = await open();
  const [exchange, dead] = [place.exchange(), place.exchange()];
  await exchange.beat("a", LEASE_MS);
  await dead.beat("dead", LEASE_MS);
  const ask = askOf("a", "dead");
  await dead.ask(ask);
  for (const number of [0, 1]) await exchange.answer(ask, number, "text");
  assert.deepEqual(await exchange.asksOf("a"), [ask]);
  await place.clock.advance(LEASE_MS);
  assert.deepEqual(await exchange.asksOf("a"), [ask]);
  await place.clock.advance(1);
  assert.deepEqual(await exchange.asksOf("a"), []);
  assert.deepEqual(await kept(place.counting), ["node/a", "node/dead"]);
  assert.deepEqual(await dead.answerOf(ask, 2), { state: "lost" });
  await dead.want({ ...ask, wanted: 7 });
  assert.deepEqual(await kept(place.counting), ["node/a", "node/dead"]);
});

Deno.test("answerOf() tells what there is of an answer", async () => {
  using place = await open();
  const [exchange, reader] = [place.exchange(), place.exchange()];
  await exchange.beat("a", LEASE_MS);
  await reader.beat("b", LEASE_MS);
  const ask = askOf("a", "b");
  assert.equal(await reader.ask(askOf("nobody", "b")), false);
  assert.deepEqual(await reader.answerOf(ask, 0), { state: "lost" });
  assert.equal(await reader.ask(ask), true);
  assert.deepEqual(await reader.answerOf(ask, 0), { state: "none" });
  await exchange.answer(ask, 0, "zero");
  assert.deepEqual(await reader.answerOf(ask, 0), { state: "here", text: "zero" });
  await place.clock.advance(LEASE_MS + 1);
  assert.deepEqual(await reader.answerOf(ask, 1), { state: "silent" });
  await exchange.answer(ask, 1, "one");
  assert.deepEqual(await reader.answerOf(ask, 1), { state: "here", text: "one" });
  await exchange.close(ask);
  assert.deepEqual(await reader.answerOf(ask, 2), { state: "lost" });
});

Deno.test("answer() sends text of any length, which shows when all of it is there", async () => {
  using place = await open();
  const [exchange, reader] = [place.exchange(), place.exchange()];
  await exchange.beat("a", LEASE_MS);
  await reader.beat("b", LEASE_MS);
  const ask = askOf("a", "b");
  await reader.ask(ask);
  for (const length of [1, 29_999, 30_000, 30_001, 700_000]) {
    const text = "\u{1f6df}é".repeat(length).slice(0, length);
    const seen: string[] = [];
    place.counting.onCommit = async (_, go) => {
      const result = await go();
      seen.push((await reader.answerOf({ ...ask, link: "other" }, length)).state);
      return result;
    };
    await reader.ask({ ...ask, link: "other" });
    await exchange.answer({ ...ask, link: "other" }, length, text);
    place.counting.onCommit = (_, go) => go();
    await exchange.answer(ask, length, text);
    assert.deepEqual(await reader.answerOf(ask, length), { state: "here", text });
    assert.ok(seen.slice(0, -1).every((state) => state === "none"), `${length}: ${seen}`);
    await exchange.close({ ...ask, link: "other" });
  }
  await exchange.close(ask);
  assert.deepEqual(await kept(place.counting), ["node/a", "node/b"]);
});

Deno.test("register() keeps to the node that has said first where a run is, as long as that is known", async () => {
  using place = await open();
  const exchange = place.exchange();
  await assert.rejects(exchange.register("run", { owner: "ada", node: "a" }));
  for (const node of ["a", "b"]) await exchange.beat(node, LEASE_MS);
  assert.equal(await exchange.register("run", { owner: "ada", node: "a" }), true);
  assert.equal(await exchange.register("run", { owner: "eve", node: "b" }), false);
  assert.equal(await exchange.register("run", { owner: "ada", node: "a" }), true);
  assert.deepEqual(await exchange.find("run"), { owner: "ada", node: "a" });
  await exchange.forget("run");
  assert.equal(await exchange.find("run"), undefined);
  assert.deepEqual(await kept(place.counting), ["node/a", "node/b"]);
});
