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
};

const server = await startPostgres();
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
