import assert from "node:assert/strict";
import { root, runDeno } from "./repository.ts";

/** The files that would be published, by their paths from the top folder. */
async function readPublishedFiles(): Promise<string[]> {
  const { code, stdout, stderr } = await runDeno([
    "publish",
    "--dry-run",
    "--allow-dirty",
    "--no-check",
  ]);
  assert.equal(code, 0, stderr);
  return [...`${stdout}\n${stderr}`.matchAll(/^\s+(file:\S+) \(/gm)]
    .map(([, url = ""]) => url.slice(root.href.length));
}

Deno.test("the package holds the entry points, the sources and the documents for users", async () => {
  const files = await readPublishedFiles();
  for (const path of ["deno.json", "mod.ts", "README.md", "LICENSE", "CHANGELOG.md"]) {
    assert.ok(files.includes(path), path);
  }
  const others = files.filter((path) => path.includes("/") && !/^src\/.+\.ts$/.test(path));
  assert.deepEqual(others, []);
});

Deno.test("the package holds no tests", async () => {
  const tests = (await readPublishedFiles()).filter((path) => /_(?:test|bench)\.ts$/.test(path));
  assert.deepEqual(tests, []);
});
