import { startPostgres } from "../services/postgres.ts";
import { Crash, effectsOf } from "./saga/crash.ts";
import { kvDatabase, postgresDatabase } from "./saga/saga_database.ts";
import { ledgerOf, stories, type Story } from "./saga/stories.ts";

const server = await startPostgres();
Deno.test.afterAll(() => server.stop());

const databases = { Postgres: () => postgresDatabase(server), KV: kvDatabase };

const heirs = [
  {
    who: "a recovery",
    name: "an order",
    role: "recover",
    at: { side: "act", step: "charge" },
    places: ["claimDue", "keep", ...effectsOf("act", "charge ship")],
  },
  {
    who: "a recovery",
    name: "an order that turns back",
    role: "recover",
    at: { side: "compensate", step: "charge", attempt: 2 },
    places: ["claimDue", ...effectsOf("compensate", "charge reserve")],
  },
  {
    who: "a caller",
    name: "an order",
    role: "send",
    at: { side: "act", step: "charge" },
    places: ["create", "claim", "keep", ...effectsOf("act", "charge ship")],
  },
] as const;

for (const [kind, open] of Object.entries(databases)) {
  for (const { who, name, role, at, places } of heirs) {
    Deno.test(`${name} on ${kind} that ${who} goes on with and is killed at any place ends as it should`, async (t) => {
      await using database = await open();
      const story: Story = stories[name];
      await using ledger = ledgerOf(story);
      const crash = new Crash(database, ledger, story);
      await crash.prepare(24, at);
      await crash.killEverywhere(role, { keeps: name === "an order" });
      await crash.assertRecovered(t);
      crash.assertPlaces(["checkpoint", ...places]);
    });
  }
}
