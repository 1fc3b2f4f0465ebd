import { startPostgres } from "../services/postgres.ts";
import { Crash, effectsOf } from "./saga/crash.ts";
import { kvDatabase, postgresDatabase } from "./saga/saga_database.ts";
import { ledgerOf, stories, type Story } from "./saga/stories.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const databases = { Postgres: () => postgresDatabase(server), KV: kvDatabase };

const owners = [
  { name: "an order", role: "send", effects: effectsOf("act", "reserve charge ship") },
  {
    name: "an order that turns back",
    role: "send",
    effects: [
      ...effectsOf("act", "reserve charge ship"),
      ...effectsOf("compensate", "charge reserve"),
    ],
  },
  {
    name: "an order that nobody ships again",
    role: "send",
    effects: effectsOf("act", "charge ship"),
  },
  {
    name: "a delivery by a fallback",
    role: "stream",
    effects: effectsOf("act", "deliver announce"),
  },
  {
    name: "a delivery by a fallback that turns back",
    role: "stream",
    effects: [...effectsOf("act", "announce"), ...effectsOf("compensate", "deliver reserve")],
  },
  {
    name: "a delivery that no courier takes again",
    role: "send",
    effects: effectsOf("act", "deliver announce"),
  },
  {
    name: "a delivery that no courier takes again, and that turns back",
    role: "send",
    effects: [...effectsOf("act", "deliver announce"), ...effectsOf("compensate", "deliver")],
  },
] as const;

for (const [kind, open] of Object.entries(databases)) {
  for (const { name, role, effects } of owners) {
    Deno.test(`${name} on ${kind} whose process is killed at any place ends as it should`, async (t) => {
      await using database = await open();
      const story: Story = stories[name];
      await using ledger = ledgerOf(story);
      const crash = new Crash(database, ledger, story);
      const keeps = name === "an order";
      await crash.killEverywhere(role, { keeps });
      await crash.assertRecovered(t);
      crash.assertPlaces(["create", "checkpoint", ...(keeps ? ["keep"] : []), ...effects]);
    });
  }
}
