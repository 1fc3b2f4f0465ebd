import assert from "node:assert/strict";
import { readSettings, runDeno, withoutComments } from "./repository.ts";

interface Finding {
  readonly rule: string;
  readonly message: string;
  readonly path: string;
  readonly line: string;
}

/** What `deno doc --lint` has to say about the documentation of a file. */
async function lintDocs(paths: readonly string[]): Promise<Finding[]> {
  const { code, stdout, stderr } = await runDeno(["doc", "--lint", ...paths]);
  const findings = [...stderr.matchAll(/^error\[([\w-]+)\]: (.+)\n\s*--> (.+?):(\d+):\d+$/gm)]
    .map(([, rule = "", message = "", path = "", line = ""]) => ({ rule, message, path, line }));
  // What is written in another way than expected must not pass as "no findings".
  const count = code === 0 ? 0 : Number(stderr.match(/Found (\d+) documentation lint/)?.[1]);
  assert.equal(findings.length, count, stdout + stderr);
  return findings;
}

/**
 * Whether a finding is about a type of another package in a public signature.
 * Such a type is documented where it comes from, and cannot be exported from
 * here without exporting everything that it mentions.
 */
async function isForeignType({ rule, message, path }: Finding): Promise<boolean> {
  const name = message.match(/references private type '(\w+)'$/)?.[1];
  if (rule !== "private-type-ref" || name === undefined) return false;
  const foreignImport = new RegExp(
    `^import (?:type )?\\{[^}]*\\b${name}\\b[^}]*\\} from "(?![./])`,
    "m",
  );
  return foreignImport.test(withoutComments(await Deno.readTextFile(path)));
}

Deno.test("`deno doc --lint` finds nothing in the entry points", async () => {
  const { exports } = await readSettings();
  const findings = [];
  for (const finding of await lintDocs(Object.values(exports))) {
    const { path, line, rule, message } = finding;
    if (!await isForeignType(finding)) findings.push(`${path}:${line} ${rule}: ${message}`);
  }
  assert.deepEqual(findings, []);
});
