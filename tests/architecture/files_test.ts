import assert from "node:assert/strict";
import { listFiles, readText, withoutComments } from "./repository.ts";

const maxLines = 400;
const maxFunctionLines = 40;

/** What may not stand in the code of `src`, with the reason. */
const forbidden: readonly (readonly [pattern: RegExp, reason: string])[] = [
  [/\bDeno\./, "exists on one runtime only"],
  [/\bBun\./, "exists on one runtime only"],
  [
    /\bprocess\.(?:argv|cwd|emit|env|exit|hrtime|memory|next|off|on|std|version)/,
    "exists on some runtimes only",
  ],
  [/\bBuffer\b/, "exists on some runtimes only"],
  [/\bTemporal\b/, "is missing on Node 22 and Workers"],
  [/\bReadableStream\.from\b/, "is missing in browsers"],
  [/\b(?:Promise\.try|RegExp\.escape|Error\.isError)\b/, "is missing on Node 22"],
  [/\.(?:to|from)(?:Base64|Hex)\(/, "is missing on Node 22"],
  [/^\s*(?:await )?using \w+ =/m, "cannot be parsed by Node 22"],
  [/\bconsole\b/, "a library does not log"],
  [/\bconstructor\.name\b/, "minifiers rename classes"],
  [/\bas unknown as\b/, "hides a wrong type"],
  [/\bimport\((?!")/, "names no module, so bundlers cannot follow it"],
  [/^\S.*\bawait\b|^await\b/m, "makes whoever imports the module wait"],
  [/^(?:export )?let\b/m, "is state that all users of the module share"],
];

/** Where something of that may stand all the same, with the reason. */
const excepted: Readonly<Record<string, readonly string[]>> = {
  // kafkajs sends the text of any other kind of bytes.
  "src/kafka/buffers.ts": ["Buffer"],
};

Deno.test("every file and folder of src and tests has a snake_case name", async () => {
  for (const folder of ["src", "tests"]) {
    for (const path of await listFiles(folder, ".ts")) {
      assert.match(path, /^(?:[a-z][a-z0-9_]*\/)+[a-z][a-z0-9_]*\.ts$/);
    }
  }
});

Deno.test(`no file of src has more than ${maxLines} lines`, async () => {
  const long = [];
  for (const path of await listFiles("src", ".ts")) {
    const lines = (await readText(path)).trimEnd().split("\n").length;
    if (lines > maxLines) long.push(`${path}: ${lines}`);
  }
  assert.deepEqual(long, []);
});

Deno.test(`no function of src has more than ${maxFunctionLines} lines`, async () => {
  const long = [];
  for (const path of await listFiles("src", ".ts")) {
    for (const [name, lines] of functionsOf(withoutComments(await readText(path)))) {
      if (lines > maxFunctionLines) long.push(`${path}: ${name} has ${lines}`);
    }
  }
  assert.deepEqual(long, []);
});

/** The functions and methods of a formatted source, each with the number of its lines. */
function* functionsOf(code: string): Iterable<[name: string, lines: number]> {
  const head =
    /^( *)(?:export |default |async |static |get |set |override |function\*? ?|\*)*(#?\w+)(?:<[^\n]*>)?\([^;]*?\)[^;\n]*\{$[\s\S]*?^\1\}/gm;
  for (const [text, , name = ""] of code.matchAll(head)) {
    if (!/^(?:if|for|while|switch|catch)$/.test(name)) yield [name, text.split("\n").length];
  }
}

Deno.test("no file of src uses what its runtimes do not share, or what hides mistakes", async () => {
  const found = [];
  for (const path of await listFiles("src", ".ts")) {
    const code = withoutComments(await readText(path));
    for (const [pattern, reason] of forbidden) {
      const match = code.match(pattern)?.[0];
      if (match !== undefined && !excepted[path]?.includes(match)) {
        found.push(`${path}: "${match.trim()}" ${reason}`);
      }
    }
  }
  assert.deepEqual(found, []);
});

Deno.test("every unit test is named after the file of src that it tests", async () => {
  const sources = (await listFiles("src", ".ts")).map((path) => path.slice("src/".length, -3));
  const strays = [];
  for (const path of await listFiles("tests/unit", "_test.ts")) {
    const tested = path.slice("tests/unit/".length, -"_test.ts".length);
    if (!sources.some((name) => tested === name || tested.startsWith(`${name}_`))) {
      strays.push(path);
    }
  }
  assert.deepEqual(strays, []);
});

Deno.test("every file below tests that holds tests has a name that the test command finds", async () => {
  const strays = [];
  for (const path of await listFiles("tests", ".ts")) {
    if (/_(?:test|bench)\.ts$/.test(path)) continue;
    if (/^Deno\.(?:test|bench)\(/m.test(await readText(path))) strays.push(path);
  }
  assert.deepEqual(strays, []);
});

Deno.test("no file carries a note for later without a name or an issue", async () => {
  const notes = [];
  for (const folder of ["src", "tests", "examples"]) {
    for (const path of await listFiles(folder, ".ts")) {
      const note = (await readText(path)).match(/(?:\/\/|\*) *(?:TODO|FIXME|XXX)(?!\()/);
      if (note !== null) notes.push(path);
    }
  }
  assert.deepEqual(notes, []);
});
