// deno-lint-ignore-file no-console -- the sizes are for the reader of the test's output
import assert from "node:assert/strict";
import { readSettings, runDeno } from "./repository.ts";

/**
 * The most KiB, minified and gzipped, that an application gets which imports
 * the whole entry point and nothing else: its own files and those of the core
 * that it needs, without the package that it is named after.
 */
const maxKiB: Readonly<Record<string, number>> = {
  ".": 17,
  "./background": 3,
  "./client": 8,
  "./consumer": 12,
  "./container": 4,
  "./deno-kv": 32,
  "./hono": 20,
  "./kafka": 10,
  "./mermaid": 5,
  "./outbox": 8,
  "./postgres": 36,
  "./postgres-log": 15,
  "./protobuf": 7,
  "./rabbitmq": 8,
  "./saga": 15,
  "./storage": 10,
  "./stream": 8,
  "./testing": 31,
};

Deno.test("every entry point has a bound for its size", async () => {
  const { exports } = await readSettings();
  assert.deepEqual(Object.keys(maxKiB), Object.keys(exports));
});

for (const [name, bound] of Object.entries(maxKiB)) {
  Deno.test(`the entry point "${name}" is at most ${bound} KiB`, async () => {
    const { exports } = await readSettings();
    const sizeKiB = await measureKiB(exports[name] ?? "");
    console.log(`${name}: ${sizeKiB.toFixed(2)} of ${bound} KiB`);
    assert.ok(sizeKiB <= bound, `${sizeKiB.toFixed(2)} KiB`);
  });
}

async function measureKiB(path: string): Promise<number> {
  const { code, stdout, stderr } = await runDeno([
    "run",
    "--allow-env",
    "--allow-read",
    "--allow-run",
    "tests/architecture/bundle.ts",
    path,
  ]);
  assert.equal(code, 0, stderr);
  assert.ok(stdout.length > 0, "The bundle is empty");
  const zipped = new Blob([stdout]).stream().pipeThrough(new CompressionStream("gzip"));
  return (await new Response(zipped).bytes()).length / 1024;
}
