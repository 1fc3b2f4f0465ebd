/**
 * Runs every program of `examples/postgres` on a real Postgres, and compares all that it prints.
 *
 * @module
 */

import assert from "node:assert/strict";
import { listFiles, root } from "../architecture/repository.ts";
import { startPostgres } from "../services/postgres.ts";

/** What each program prints. */
const programs: Readonly<Record<string, string>> = {
  "outbox.ts": `\
Nothing is stored, as the transaction is rolled back: duplicate key value violates unique constraint "members_meeting_person_key"
Members: ada
Published: 1
`,
  "outbox_drizzle.ts": `\
Rolled back: A shipment weighs something
Published: 1, the right one: true
`,
  "outbox_kysely.ts": `\
Rolled back: An invoice is about something
Published: 1, the right one: true
`,
  "outbox_log_tail.ts": `\
Rolled back, so not published: 23505
Somebody reads the slot: false, the server keeps log for it: true
Somebody reads the slot: true
Published: 250 g, 500 g
Without the slot: SlotLostError
`,
  "saga.ts": `\
o1 is waiting
o2 is waiting
Completed: 1, compensated: 1
o1 is completed
o2 is compensated (Step "send": Error: No courier carries that)
o1/charge: refunded false
o2/charge: refunded true
Published: order.sent
`,
  "streams_on_two_instances.ts": `\
  POST goes to instance A
  instance A begins a report
Page 1, by A
Page 2, by A
Page 3, by A
  GET goes to instance B
Page 4, by A
Page 5, by A
Page 6, by A
A huge report, whose reader has seen enough after five pages
  POST goes to instance A
  instance A begins a report
Page 1, by A
Page 2, by A
Page 3, by A
  GET goes to instance B
Page 4, by A
Page 5, by A
  DELETE goes to instance B
The run is cancelled at instance A
`,
};

const server = await startPostgres({ isOwn: true }); // whose log can be read
Deno.test.afterAll(() => server.stop());

Deno.test("every program in examples/postgres is run by a test", async () => {
  const files = await listFiles("examples/postgres", ".ts");
  assert.deepEqual(files, Object.keys(programs).map((file) => `examples/postgres/${file}`));
});

for (const [file, expected] of Object.entries(programs)) {
  Deno.test(`the program postgres/${file} prints what its test says`, async () => {
    await using database = await server.createDatabase();
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "--no-prompt",
        "--allow-env",
        "--allow-net=127.0.0.1",
        `examples/postgres/${file}`,
      ],
      cwd: root,
      env: { NO_COLOR: "1", DATABASE_URL: database.url },
      stdin: "null",
    }).output();
    const decoder = new TextDecoder();
    assert.equal(decoder.decode(stderr), "");
    assert.equal(decoder.decode(stdout), expected);
    assert.equal(code, 0);
  });
}
