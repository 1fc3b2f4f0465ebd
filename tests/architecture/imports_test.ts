import assert from "node:assert/strict";
import { importTable, rootFiles } from "./import_table.ts";
import { type Import, importsOf, listFiles, readText, root } from "./repository.ts";

interface SourceFile {
  readonly path: string;
  /** The row of the table for the folder that the file is in, or its own name if it is beside the folders. */
  readonly place: string;
  readonly imports: readonly Import[];
}

async function readSources(): Promise<SourceFile[]> {
  const paths = await listFiles("src", ".ts");
  return await Promise.all(
    paths.map(async (path) => ({
      path,
      place: placeOf(path),
      imports: importsOf(await readText(path)),
    })),
  );
}

/** A folder within a folder is a place of its own if the table has a row for it. */
function placeOf(path: string): string {
  const [, folder = "", inner] = path.split("/");
  return `${folder}/${inner}` in importTable ? `${folder}/${inner}` : folder;
}

/** The path that a relative import leads to, from the top folder. */
function targetOf(file: string, specifier: string): string {
  return new URL(specifier, new URL(file, root)).href.slice(root.href.length);
}

function isRelative({ specifier }: Import): boolean {
  return specifier.startsWith("./") || specifier.startsWith("../");
}

/** Why a file may not have an import, or undefined if it may. */
function violationOf(file: SourceFile, item: Import): string | undefined {
  const row = importTable[file.place];
  if (!isRelative(item)) {
    const allowed = row?.packages.some((name) =>
      item.specifier === name || item.specifier.startsWith(`${name}/`)
    );
    return allowed ? undefined : `may not import the package ${item.specifier}`;
  }
  const target = targetOf(file.path, item.specifier);
  const place = placeOf(target);
  if (!target.startsWith("src/")) return `may not import ${target}, which is outside src`;
  if (row === undefined) return `may not import anything: ${target}`;
  if (place === file.place || rootFiles.includes(place) || row.folders.includes(place)) {
    return undefined;
  }
  if (!row.types.includes(place)) return `may not import ${target}`;
  return item.typesOnly ? undefined : `may import types only from ${target}`;
}

function isFace(path: string): boolean {
  return path.endsWith("/mod.ts");
}

Deno.test("importsOf() reads static, dynamic, re-exported and type imports, and no comments", () => {
  const source = [
    '// import "./comment.ts";',
    '/** import { x } from "./doc.ts"; */',
    'import "./effect.ts";',
    'import one, { type Two } from "./one.ts";',
    'import {\n  type Three,\n  type Four,\n} from "./types.ts";',
    'import type * as five from "./five.ts";',
    'export { six } from "./six.ts";',
    'export * from "./star.ts";',
    'export type Seven = import("./seven.ts").Seven;',
    'const eight = await import("./eight.ts"), url = "https://example.com";',
    'export type Nine = "nine" | "ten";',
  ].join("\n");
  assert.deepEqual(importsOf(source), [
    { specifier: "./effect.ts", typesOnly: false },
    { specifier: "./one.ts", typesOnly: false },
    { specifier: "./types.ts", typesOnly: true },
    { specifier: "./five.ts", typesOnly: true },
    { specifier: "./six.ts", typesOnly: false },
    { specifier: "./star.ts", typesOnly: false },
    { specifier: "./seven.ts", typesOnly: false },
    { specifier: "./eight.ts", typesOnly: false },
  ]);
});

Deno.test("the import table has a row for every folder of src, and none without a folder", async () => {
  const places = new Set((await listFiles("src", ".ts")).map(placeOf));
  assert.deepEqual([...places].sort(), [...rootFiles, ...Object.keys(importTable)].sort());
});

Deno.test("the import table goes from the bottom up", () => {
  const below = new Set<string>();
  for (const [folder, row] of Object.entries(importTable)) {
    const above = [...row.folders, ...row.types].filter((name) => !below.has(name));
    assert.deepEqual(above, [], folder);
    below.add(folder);
  }
});

Deno.test("src imports only what the import table allows", async () => {
  const violations = [];
  for (const file of await readSources()) {
    for (const item of file.imports) {
      const violation = violationOf(file, item);
      if (violation !== undefined) violations.push(`${file.path} ${violation}`);
    }
  }
  assert.deepEqual(violations, []);
});

Deno.test("src imports another folder through its mod.ts, and its own folder file by file", async () => {
  const violations = [];
  for (const { path, place, imports } of await readSources()) {
    for (const item of imports.filter(isRelative)) {
      const target = targetOf(path, item.specifier);
      if (rootFiles.includes(placeOf(target))) continue;
      if (isFace(target) === (placeOf(target) === place)) {
        violations.push(`${path} imports ${target}`);
      }
    }
  }
  assert.deepEqual(violations, []);
});

Deno.test("no file of src loads itself over others", async () => {
  const targets = new Map<string, string[]>();
  for (const { path, imports } of await readSources()) {
    // Types may name each other in a circle: nothing of that is left at run time.
    const loaded = imports.filter((item) => isRelative(item) && !item.typesOnly);
    targets.set(path, loaded.map((item) => targetOf(path, item.specifier)));
  }
  assert.equal(findCycle(targets)?.join(" -> "), undefined);
});

/** The first path through the graph that comes back to where it was, or undefined if there is none. */
function findCycle(targets: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  function visit(path: string, way: readonly string[]): string[] | undefined {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const target of targets.get(path) ?? []) {
      const cycle = visit(target, [...way, path]);
      if (cycle !== undefined) return cycle;
    }
    done.add(path);
    return undefined;
  }
  for (const path of targets.keys()) {
    const cycle = visit(path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

Deno.test("ARCHITECTURE.md shows the import table that these tests enforce", async () => {
  const text = await readText(".github/ARCHITECTURE.md");
  const shown = text.split("\n")
    .filter((line) => line.startsWith("| `src/"))
    .map((line) => line.split("|").slice(1, -1).map((cell) => cell.trim()));
  const enforced = Object.entries(importTable).map(([folder, row]) => {
    const allowed = [
      ...row.folders,
      ...row.types.map((name) => `${name} (types)`),
      ...row.packages.map((name) => `\`${name}\``),
    ];
    return [`\`src/${folder}/\``, row.lives, allowed.join(", ") || "nothing"];
  });
  assert.deepEqual(shown, enforced);
});
