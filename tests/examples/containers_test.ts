import assert from "node:assert/strict";
import { listFiles, readText, runDeno } from "../architecture/repository.ts";

/** What each program of `examples/containers` prints. */
const programs: Readonly<Record<string, string>> = {
  "examples/containers/awilix.ts": `\
Ada sends Bob 2500:
  committed changes: 2
  committed changes: 1
  a letter to Bob: you have got 2500
  the unit of work ends, changes lost: 0
Ada sends Bob 1000000:
  the unit of work ends, changes lost: 1
  Error: Ada has not that much
Ada has 7500, Bob has 2500
`,
  "examples/containers/needle_di.ts": `\
A parcel of 2 kg to Ada:
  unit 1 adds "courier to Ada"
  unit 1 ends, not committed: 0
  unit 2 adds "insurance of what goes to Ada"
  unit 2 ends, not committed: 0
  by courier
A parcel of 20 kg to Bob:
  unit 3 adds "courier to Bob"
  unit 3 ends, not committed: 1
  unit 4 adds "post to Bob"
  unit 4 ends, not committed: 0
  unit 5 adds "insurance of what goes to Bob"
  unit 5 ends, not committed: 0
  by post
Booked: courier to Ada, insurance of what goes to Ada, post to Bob, insurance of what goes to Bob
`,
};

/** The words after `deno` in the command that a program names in its doc comment. */
async function commandOf(path: string): Promise<string[]> {
  const command = (await readText(path)).match(/^ \* Run it: deno (run .*)$/m)?.[1] ?? "";
  return command.split(" ");
}

Deno.test("every program of examples/containers is tested here, and no other", async () => {
  assert.deepEqual(await listFiles("examples/containers", ".ts"), Object.keys(programs));
});

for (const [path, output] of Object.entries(programs)) {
  Deno.test(`${path} prints its story, with the permissions that it names`, async () => {
    const [run = "", ...words] = await commandOf(path);
    assert.equal(words.at(-1), path);
    const { code, stdout, stderr } = await runDeno([run, "--quiet", "--no-prompt", ...words]);
    assert.equal(stderr, "");
    assert.equal(stdout, output);
    assert.equal(code, 0);
  });
}

for (const recipe of ["fromInversify", "fromTsyringe"]) {
  Deno.test(`the recipe ${recipe}() in the documentation of ./container is the one that the tests run`, async () => {
    const tested = await readText("tests/unit/container/recipes.ts");
    const start = tested.indexOf(`function ${recipe}(`);
    const code = tested.slice(start, tested.indexOf("\n}\n", start) + 3);
    const documented = (await readText("src/container/mod.ts")).replaceAll(/^ \* ?/gm, "");
    assert.ok(code.length > 500);
    assert.ok(documented.includes(code));
  });
}
