import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { root } from "../architecture/repository.ts";
import { runDemo, runProgram, startDemo, temporaryFolder } from "./demo_process.ts";

const GIB = 1024 ** 3;
const hasSha256sum = await runProgram("sha256sum", ["--version"]) !== undefined;
const hasScript = Deno.build.os === "linux" &&
  await runProgram("script", ["--version"]) !== undefined;

function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

function sha256(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

/** Bytes that look like chance and are the same each time. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

Deno.test({
  name: "the demo prints what sha256sum prints, whatever is in files and names",
  ignore: !hasSha256sum,
  async fn() {
    await using folder = await temporaryFolder();
    await folder.write("empty", "");
    await folder.write("small.txt", "one line\n");
    await folder.write("large", noise(50_000_000));
    await folder.writeSparse("sparse", 20_000_001);
    await folder.write("nested/deep/deeper/file", "deep");
    await folder.write(".hidden/.file", "hidden");
    await folder.write("name with spaces ", "spaces");
    await folder.write("-", "dash");
    await folder.write("line\nbreak", "newline");
    await folder.write("carriage\rreturn", "carriage return");
    await folder.write("back\\slash\\n", "backslash");
    await folder.write("ünïcode 名前 🗂️/\u{1b}[31mred", "unicode");
    const { code, stdout, stderr } = await runDemo({ args: ["."], cwd: folder.path });
    const find = [".", "-type", "f", "-exec", "sha256sum", "{}", "+"];
    const expected = await runProgram("find", find, folder.path);
    assert.deepEqual(linesOf(stdout).sort(), linesOf(expected ?? "").sort());
    assert.match(
      stderr,
      /^Hashed 12 files, 70\.0 MB in \d+\.\d\d s \(\d+\.\d MB\/s\), 0 unreadable$/m,
    );
    assert.equal(code, 0);
  },
});

Deno.test("the demo tells how many notices have reached their consumer through the outbox", async () => {
  await using folder = await temporaryFolder();
  for (let n = 0; n < 700; n++) await folder.write(`file ${n}`, `${n}`);
  const { code, stderr } = await runDemo({ args: ["."], cwd: folder.path });
  assert.match(stderr, /^Received through the outbox: 700 of 700 notices$/m);
  assert.equal(code, 0);
});

Deno.test("the demo goes through the names in their order, and follows no symbolic link", async () => {
  await using outside = await temporaryFolder();
  await outside.write("secret", "secret");
  await using folder = await temporaryFolder();
  await folder.write("c", "c");
  await folder.write("b/2", "2");
  await folder.write("b/1", "1");
  await folder.write("a", "a");
  await Deno.symlink(outside.path, `${folder.path}/link`);
  await Deno.symlink(`${outside.path}/secret`, `${folder.path}/b/link`);
  const { stdout } = await runDemo({ args: [folder.path], cwd: "/" });
  assert.deepEqual(linesOf(stdout), [
    `${sha256("a")}  ${folder.path}/a`,
    `${sha256("1")}  ${folder.path}/b/1`,
    `${sha256("2")}  ${folder.path}/b/2`,
    `${sha256("c")}  ${folder.path}/c`,
  ]);
});

Deno.test("the demo reports a file and a folder that cannot be read, and goes on", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a", "a");
  await folder.write("b", "refused");
  await folder.write("c/d", "refused too");
  await folder.write("e", "e");
  const { code, stdout, stderr } = await runDemo({
    args: ["."],
    cwd: folder.path,
    denyRead: [`${folder.path}/b`, `${folder.path}/c`],
  });
  assert.deepEqual(linesOf(stdout), [`${sha256("a")}  ./a`, `${sha256("e")}  ./e`]);
  assert.match(
    stderr,
    /^Cannot read \.\/b: permission denied\nCannot read \.\/c: permission denied$/m,
  );
  assert.match(stderr, /^Hashed 2 files, 2 B in .*, 2 unreadable$/m);
  assert.equal(code, 0);
});

Deno.test("the demo takes a folder from where the user stands", async () => {
  await using folder = await temporaryFolder();
  await folder.write("here/sub/file", "x");
  const cwd = `${folder.path}/here`;
  for (const name of ["sub", "sub/", "../here/sub", `${cwd}/sub`]) {
    const { stdout } = await runDemo({ args: [name], cwd });
    assert.equal(stdout, `${sha256("x")}  ${name.replace(/\/$/, "")}/file\n`);
  }
});

/** Runs the task itself, as somebody who stands in the folder `tests`. */
async function runTask(args: readonly string[], env: Record<string, string> = {}) {
  const cwd = fileURLToPath(new URL("tests", root));
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "demo", ...args],
    cwd,
    env: { INIT_CWD: cwd, NO_COLOR: "1", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}

Deno.test("the task demo hashes the source of the library, and says that it takes another folder", async () => {
  const { code, stdout, stderr } = await runTask([]);
  const clock = sha256(await Deno.readTextFile(new URL("src/clock.ts", root)));
  assert.ok(stdout.includes(`${clock}  ../src/clock.ts\n`), stdout);
  assert.match(stderr, /^For another folder: deno task demo <folder>$/m);
  assert.equal(code, 0);
});

Deno.test("the task demo needs no proxy to reach itself", async () => {
  await using folder = await temporaryFolder();
  await folder.write("file", "x");
  const { code, stdout, stderr } = await runTask([folder.path], {
    HTTP_PROXY: "http://127.0.0.1:9",
    NO_PROXY: "registry.example",
  });
  assert.equal(stdout, `${sha256("x")}  ${folder.path}/file\n`, stderr);
  assert.equal(code, 0);
});

Deno.test("the demo refuses what it cannot hash or understand, with the exit code 2", async () => {
  await using folder = await temporaryFolder();
  await folder.write("file", "");
  const cases: [args: string[], stderr: RegExp][] = [
    [["missing"], /^There is no folder "missing"\n$/],
    [["file"], /^There is no folder "file"\n$/],
    [[""], /^There is no folder ""\n$/],
    [["--fast"], /^Unknown option '--fast'[\s\S]*^Usage: deno task demo \[folder\]$/m],
    [["--serve=yes"], /^Option '--serve' [\s\S]*^Usage: /m],
    [["one", "two"], /^There is one folder at most\n\nUsage: /],
  ];
  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = await runDemo({ args, cwd: folder.path });
    assert.match(stderr, expected);
    assert.equal(stdout, "");
    assert.equal(code, 2);
  }
});

Deno.test("the demo prints its usage when it is asked to", async () => {
  const { code, stdout, stderr } = await runDemo({ args: ["--help"], cwd: "/" });
  assert.match(stdout, /^Usage: deno task demo \[folder\]\n/);
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

Deno.test("the demo stops at once in the middle of a file when it is interrupted, and says what it did", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a", "a");
  await folder.writeSparse("large", 200 * GIB);
  await using demo = await startDemo({ args: ["."], cwd: folder.path });
  await demo.stderr.until(/^\d+ %, 1 of 2 files, \d+\.\d [MG]B of 214\.7 GB, \d+\.\d MB\/s$/m);
  const startMs = performance.now();
  demo.kill("SIGINT");
  assert.equal(await demo.exitCode, 130);
  assert.ok(performance.now() - startMs < 2_000);
  const lastLine = linesOf(demo.stderr.text).at(-1) ?? "";
  assert.match(
    lastLine,
    /^Interrupted: hashed 1 file, \d+\.\d [MG]B in \d+\.\d\d s .*, 0 unreadable$/,
  );
  assert.equal(demo.stdout.text, `${sha256("a")}  ./a\n`);
  assert.ok(!demo.stderr.text.includes("\x1b"), "there are escape codes");
});

Deno.test("the demo stops at once when it is terminated", async () => {
  await using folder = await temporaryFolder();
  await folder.writeSparse("large", 200 * GIB);
  await using demo = await startDemo({ args: ["."], cwd: folder.path });
  await demo.stderr.until(/^Hashing 1 file, 214\.7 GB$/m);
  demo.kill("SIGTERM");
  assert.equal(await demo.exitCode, 143);
  assert.match(demo.stderr.text, /^Interrupted: hashed 0 files, /m);
});

Deno.test("the demo ends quietly when its output is no longer read", async () => {
  await using folder = await temporaryFolder();
  // More lines than a pipe holds.
  for (let i = 0; i < 500; i++) await folder.write(`${i}${"x".repeat(200)}`, "");
  await using demo = await startDemo({ args: ["."], cwd: folder.path });
  await demo.stdout.until(/\n/);
  await demo.stdout.close();
  assert.equal(await demo.exitCode, 141);
  assert.match(demo.stderr.text, /^Counting the files in \.\nHashing 500 files, 0 B\n$/);
});

Deno.test({
  name: "the demo keeps its progress in one line of a terminal",
  ignore: !hasScript,
  async fn() {
    await using folder = await temporaryFolder();
    await folder.writeSparse("large", 200_000_000);
    const command = `stty cols 30; '${Deno.execPath()}' task --quiet demo '${folder.path}'`;
    const output = await runProgram("script", ["-qec", command, "/dev/null"]);
    const [heading, ...shown] = (output ?? "").split("\r\x1b[K");
    assert.match(heading ?? "", /^Counting the files in \S+\r\nHashing 1 file, 200\.0 MB\r\n$/);
    assert.match(
      shown.at(-1) ?? "",
      /^Hashed 1 file, 200\.0 MB in .*\r\nReceived through the outbox: 1 of 1 notices\r\n$/,
    );
    const progress = shown.filter((text) => /^\d+ %/.test(text));
    assert.ok(progress.length >= 2);
    assert.deepEqual(progress.filter((text) => text.length > 29 || text.includes("\n")), []);
    assert.equal(shown.length, progress.length + 2, "the hash and the summary stand alone");
  },
});
