import assert from "node:assert/strict";
import {
  exportedNames,
  listFiles,
  readSettings,
  readText,
  root,
  withoutComments,
} from "./repository.ts";

const snapshot = new URL("public_api.txt", import.meta.url);
const isUpdate = Deno.args.includes("--update");

async function readEntryPoints(): Promise<[name: string, path: string][]> {
  const { name, exports } = await readSettings();
  return Object.entries(exports).map(([key, path]) => [
    `${name}${key.slice(1)}`,
    path.slice("./".length),
  ]);
}

async function readFaces(): Promise<string[]> {
  return ["mod.ts", ...(await listFiles("src", "/mod.ts"))];
}

Deno.test("exportedNames() reads names, types and renamed exports", () => {
  const source = [
    'export { b, type A } from "./a.ts";',
    'export type { D, C as E } from "./c.ts";',
    'export {\n  f as g,\n  type H as I,\n} from "./f.ts";',
    '// export { comment } from "./comment.ts";',
  ].join("\n");
  assert.deepEqual(exportedNames(source), ["type A", "type D", "type E", "type I", "b", "g"]);
});

Deno.test("every entry point exports the names in public_api.txt, and no others", async () => {
  const parts = [];
  for (const [name, path] of await readEntryPoints()) {
    parts.push([`# ${name}`, ...exportedNames(await readText(path))].join("\n"));
  }
  const actual = `${parts.join("\n\n")}\n`;
  if (isUpdate) await Deno.writeTextFile(snapshot, actual);
  assert.equal(
    actual,
    await Deno.readTextFile(snapshot),
    "The public API has changed: run `deno task api:update` if it should",
  );
});

Deno.test("every entry point gives at run time the names that its mod.ts lists", async () => {
  for (const [, path] of await readEntryPoints()) {
    const listed = exportedNames(await readText(path)).filter((name) => !name.startsWith("type "));
    const module = await import(new URL(path, root).href);
    assert.deepEqual(Object.keys(module).sort(), listed.sort(), path);
  }
});

Deno.test("every mod.ts holds only a module doc and explicit re-exports", async () => {
  for (const path of await readFaces()) {
    const source = await readText(path);
    assert.match(
      source,
      /^\/\*\*\n \* \S[\s\S]*?\n \* @module\n \*\/\n/,
      `${path} has no module doc`,
    );
    const rest = withoutComments(source)
      .replaceAll(/^export\s+(?:type\s+)?\{[^}]*\}\s*from\s*"[^"]+";$/gm, "");
    assert.equal(rest.trim(), "", path);
  }
});

Deno.test("every entry point shows an example in its module doc", async () => {
  for (const [, path] of await readEntryPoints()) {
    const doc = (await readText(path)).match(/^\/\*\*[\s\S]*?\*\//)?.[0] ?? "";
    assert.match(doc, / \* @example \S.*\n \* ```ts(?: ignore)?\n/, path);
  }
});

Deno.test("no file has a default export", async () => {
  for (const path of ["mod.ts", ...await listFiles("src", ".ts")]) {
    assert.doesNotMatch(withoutComments(await readText(path)), /^export default\b/m, path);
  }
});
