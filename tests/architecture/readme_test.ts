import assert from "node:assert/strict";
import { exists, readSettings, readText } from "./repository.ts";

const documents = [
  "README.md",
  "CHANGELOG.md",
  ".github/ARCHITECTURE.md",
  ".github/CONTRIBUTING.md",
];

for (const path of documents) {
  Deno.test(`${path} names only tasks that exist`, async () => {
    const { tasks } = await readSettings();
    const named = (await readText(path)).matchAll(/\bdeno(?:@[\w.]+)? task ([\w:]+)/g);
    for (const [, task = ""] of named) assert.ok(task in tasks, task);
  });

  Deno.test(`${path} links only to files that exist`, async () => {
    for (const [, target = ""] of (await readText(path)).matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
      const file = new URL(target, `file:///${path}`).pathname.slice(1);
      assert.ok(await exists(file), target);
    }
  });
}

Deno.test("README.md maps every entry point, and no other", async () => {
  const { name, exports } = await readSettings();
  const readme = await readText("README.md");
  const mapped = [...readme.matchAll(/^\|\s*`(@[\w-]+\/[\w-]+(?:\/[\w-]+)*)`\s*\|/gm)]
    .map(([, specifier = ""]) => specifier);
  const entryPoints = Object.keys(exports).map((key) => `${name}${key.slice(1)}`);
  assert.deepEqual(mapped.sort(), entryPoints.sort());
});

Deno.test("README.md imports only entry points that exist", async () => {
  const { name, exports } = await readSettings();
  const readme = await readText("README.md");
  for (const [, path = ""] of readme.matchAll(new RegExp(`"${name}(/[^"]*)?"`, "g"))) {
    assert.ok(`.${path}` in exports, `${name}${path}`);
  }
});
