import assert from "node:assert/strict";
import { runDeno } from "../architecture/repository.ts";
import { startClientServer } from "./client/server.ts";
import { scenario } from "./runtimes/scenario.ts";

/**
 * The runtimes, as the packages on npm that hold nothing but their programs.
 * Pinned: a new release is tried on purpose, not by chance.
 */
const packages = {
  node: { name: `node-${nodePlatform()}`, version: "22.23.1", program: "bin/node" },
  bun: { name: `@oven/bun-${bunPlatform()}`, version: "1.4.4", program: "bin/bun" },
  workerd: {
    name: `@cloudflare/workerd-${workerdPlatform()}`,
    version: "1.20260730.1",
    program: "bin/workerd",
  },
} as const;

const here = new URL("runtimes/", import.meta.url);
let folder = "";

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "runtimes_" });
  const specifiers = Object.values(packages).map(({ name, version }) => `${name}@${version}`);
  await run("npm", [
    "install",
    "--prefix",
    folder,
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    ...specifiers,
  ]);
});

Deno.test.afterAll(async () => {
  await Deno.remove(folder, { recursive: true });
});

Deno.test("the scenario holds on Deno", async () => {
  assert.ok(await scenario() > 0);
});

Deno.test("the scenario holds on Node 22, from the TypeScript sources", async () => {
  assert.equal(await run(program("node"), [pathOf("main.ts")]), await expected());
});

Deno.test("the scenario holds on Bun, from the TypeScript sources", async () => {
  assert.equal(await run(program("bun"), [pathOf("main.ts")]), await expected());
});

Deno.test("the scenario holds on Cloudflare Workers, from a minified bundle", async () => {
  assert.equal(await runWorker(here), await expected());
});

for (const runtime of ["node", "bun"] as const) {
  Deno.test(`the claims of the client hold on ${runtime}, from the TypeScript sources`, async () => {
    await using server = startClientServer();
    const main = new URL("client/main.ts", import.meta.url).pathname;
    assert.match(await run(program(runtime), [main, server.url]), /^[1-9]\d* claims hold\n$/);
  });
}

Deno.test("the claims of the client hold on Cloudflare Workers, from a minified bundle", async () => {
  await using server = startClientServer();
  const worker = new URL("client/", import.meta.url);
  const output = await runWorker(worker, { SERVER_URL: server.url });
  assert.match(output, /^[1-9]\d* claims hold\n$/);
});

/** Runs `worker.ts` of a folder as `workerd.capnp` beside it says. */
async function runWorker(source: URL, env: Record<string, string> = {}): Promise<string> {
  const bundler = new URL("../architecture/bundle.ts", import.meta.url).pathname;
  const worker = new URL("worker.ts", source).pathname;
  const { code, stdout, stderr } = await runDeno(["run", "-A", bundler, worker]);
  assert.equal(code, 0, stderr);
  const target = await Deno.makeTempDir({ dir: folder });
  await Deno.writeTextFile(`${target}/worker.js`, stdout);
  await Deno.copyFile(new URL("workerd.capnp", source), `${target}/workerd.capnp`);
  return await run(program("workerd"), ["test", `${target}/workerd.capnp`], env);
}

async function expected(): Promise<string> {
  return `${await scenario()} claims hold\n`;
}

function pathOf(file: string): string {
  return new URL(file, here).pathname;
}

function program(runtime: keyof typeof packages): string {
  const { name, program } = packages[runtime];
  return `${folder}/node_modules/${name}/${program}`;
}

/** Runs a program to its end and gives what it printed. */
async function run(
  command: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    env: { NO_PROXY: "127.0.0.1", no_proxy: "127.0.0.1", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(120_000),
  }).output();
  const text = new TextDecoder();
  assert.equal(code, 0, `${command} ${args.join(" ")}\n${text.decode(stderr)}`);
  return text.decode(stdout);
}

function nodePlatform(): string {
  return `${Deno.build.os}-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;
}

function bunPlatform(): string {
  return `${Deno.build.os}-${Deno.build.arch === "aarch64" ? "aarch64" : "x64"}`;
}

function workerdPlatform(): string {
  return `${Deno.build.os}-${Deno.build.arch === "aarch64" ? "arm64" : "64"}`;
}
