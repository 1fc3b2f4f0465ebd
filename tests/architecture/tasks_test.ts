import assert from "node:assert/strict";
import { listFiles, readSettings } from "./repository.ts";

/** The folders of `tests` that hold a file with this suffix, as paths from the top folder. */
async function foldersWith(suffix: string): Promise<string[]> {
  const paths = await listFiles("tests", suffix);
  return [...new Set(paths.map((path) => path.split("/").slice(0, 2).join("/")))];
}

/** The paths that the tasks whose names match give to a subcommand of `deno`. */
async function pathsOf(name: RegExp, subcommand: string): Promise<string[]> {
  const { tasks } = await readSettings();
  return Object.entries(tasks)
    .map(([task, { command = "" }]) => name.test(task) ? command : "")
    .filter((command) => command.startsWith(`deno ${subcommand} `))
    .flatMap((command) => command.split(" ").slice(2))
    .filter((word) => !word.startsWith("-"));
}

Deno.test("a test task runs every folder that holds tests, and no folder is run twice", async () => {
  const run = await pathsOf(/^test/, "test");
  assert.deepEqual((await foldersWith("_test.ts")).filter((folder) => !run.includes(folder)), []);
  assert.equal(new Set(run).size, run.length);
});

Deno.test("the task check reads every folder of tests but the one that needs JSR", async () => {
  const checked = await pathsOf(/^check$/, "check");
  const others = (await foldersWith(".ts")).filter((folder) => !checked.includes(folder));
  assert.deepEqual(others, ["tests/jsr"]);
});
