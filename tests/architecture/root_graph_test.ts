import assert from "node:assert/strict";
import { root, runDeno } from "./repository.ts";

interface ModuleGraph {
  readonly modules: readonly { readonly specifier: string; readonly error?: string }[];
}

Deno.test("the root entry point loads files of this repository and nothing else", async () => {
  const { code, stdout, stderr } = await runDeno(["info", "--json", "mod.ts"]);
  assert.equal(code, 0, stderr);
  const { modules } = JSON.parse(stdout) as ModuleGraph;
  const foreign = modules.filter(({ specifier, error }) =>
    error !== undefined || !specifier.startsWith(root.href)
  );
  assert.deepEqual(foreign, []);
  assert.ok(modules.length > 1);
});

Deno.test("importing the root entry point needs no permission and changes nothing", async () => {
  const { code, stdout, stderr } = await runDeno([
    "run",
    "--no-prompt",
    "--cached-only",
    "tests/architecture/import_probe.ts",
  ]);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
  assert.deepEqual(JSON.parse(stdout), []);
});
