import assert from "node:assert/strict";
import { Holdings, type Survey } from "../../../../src/storage/postgres/holdings.ts";
import { postgresNames } from "../../../../src/storage/postgres/names.ts";
import { sessionStatements } from "../../../../src/storage/postgres/session_statements.ts";

const statements = sessionStatements(postgresNames());

/** What there is in a database that all sessions see. */
class Database {
  readonly relays = new Map<string, readonly string[] | null>();
  readonly leases = new Map<string, string>();
  open: readonly string[] = [];

  session(topics?: readonly string[]): Holdings {
    return new Holdings({
      statements,
      topics,
      leaseMs: 1_000,
      query: (text, [owner = "", first = "", second = ""] = []) => {
        const list = (value: unknown) =>
          String(value).slice(1, -1).split(",").filter((x) => x !== "");
        const pairs = () =>
          list(second).map((p, n) => `${list(first)[n]?.replaceAll('"', "")} ${p}`);
        if (text === statements.register) {
          this.relays.set(owner ?? "", topics ?? null);
        } else if (text === statements.take) {
          const taken = pairs().filter((pair) => !this.leases.has(pair));
          for (const pair of taken) this.leases.set(pair, owner ?? "");
          return Promise.resolve(taken.map((pair) => {
            const at = pair.lastIndexOf(" ");
            return { topic: pair.slice(0, at), partition: Number(pair.slice(at)) };
          }));
        } else if (text === statements.release) {
          for (const pair of pairs()) this.leases.delete(pair);
        } else if (text === statements.leave) {
          this.relays.delete(owner ?? "");
          for (const [pair, holder] of this.leases) if (holder === owner) this.leases.delete(pair);
        }
        return Promise.resolve([]);
      },
    });
  }

  survey(): Survey {
    return {
      snapshot: "1:1:",
      relays: [...this.relays],
      isReapable: false,
      hasOthers: this.leases.size > 0,
      open: this.open,
      hasLanes: false,
    };
  }
}

Deno.test("Holdings takes all that is free while nobody else is there", async () => {
  const database = new Database();
  const one = database.session();
  assert.equal(await one.share(database.survey()), false);
  assert.equal(one.owner, undefined, "there is nothing to be known for");
  database.open = ["a", "b"];
  assert.equal(await one.share(database.survey()), true);
  assert.equal(one.size, 32);
  assert.equal(await one.share(database.survey()), false);
});

Deno.test("Holdings shares evenly, with no partition for two and none for nobody", async () => {
  const database = new Database();
  database.open = ["a", "b", "c"];
  const sessions = Array.from({ length: 5 }, () => database.session());
  for (let round = 0; round < 3; round++) {
    for (const session of sessions) await session.share(database.survey());
  }
  assert.equal(sessions.reduce((sum, { size }) => sum + size, 0), 48);
  for (const { size } of sessions) assert.ok(size >= 9 && size <= 12, `${size}`);
  assert.equal(new Set(database.leases.values()).size, 5);
});

Deno.test("Holdings lets go only of what has no rows in flight, and takes back what nobody else is to have", async () => {
  const database = new Database();
  database.open = ["a"];
  const [one, other] = [database.session(), database.session()];
  await one.share(database.survey());
  const busy = one.read.slice(0, 4);
  for (const holding of busy) holding.inFlight = 1;
  await other.share(database.survey());
  await one.share(database.survey());
  assert.ok(one.size > 8 || busy.every(({ isLeft }) => !isLeft));
  assert.equal(one.read.length, 8);
  const left = busy.filter(({ isLeft }) => isLeft).length;
  assert.equal(one.size, 8 + left);
  await other.leave();
  assert.equal(await one.share(database.survey()), true, "there is more to read");
  assert.equal(one.read.length, 16);
});

Deno.test("Holdings counts only those who take a topic", async () => {
  const database = new Database();
  database.open = ["a", "b"];
  const [all, onlyB] = [database.session(), database.session(["b"])];
  for (let round = 0; round < 3; round++) {
    await all.share({ ...database.survey() });
    await onlyB.share({ ...database.survey(), open: ["b"] });
  }
  const topics = onlyB.read.map(({ topic }) => topic);
  assert.deepEqual(topics, Array(8).fill("b"));
  assert.equal(all.read.length, 24);
});

Deno.test("Holdings keeps what it could not let go of", async () => {
  const database = new Database();
  database.open = ["a"];
  let fails = false;
  const one = new Holdings({
    statements,
    topics: undefined,
    leaseMs: 1_000,
    query: (text) => {
      if (fails) return Promise.reject(new Error("The connection is gone"));
      return Promise.resolve(
        text === statements.take
          ? [{ topic: "a", partition: 0 }, { topic: "a", partition: 1 }]
          : [],
      );
    },
  });
  await one.share(database.survey());
  for (const holding of one.read) holding.isLeft = true;
  fails = true;
  await assert.rejects(one.releaseIdle(), /gone/);
  assert.equal(one.size, 2);
});
