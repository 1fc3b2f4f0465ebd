import { streamItems } from "@sluice/cqrs/client";
import { memoryStorage } from "@sluice/cqrs/storage";
import { parseSse } from "@sluice/cqrs/stream";
import assert from "node:assert/strict";
import { hashFilesApp } from "../../examples/hash_files/app.ts";
import { hashFolder } from "../../examples/hash_files/files.ts";
import { type HashedFile, HashFiles } from "../../examples/hash_files/messages.ts";
import type { Notices } from "../../examples/hash_files/notices.ts";
import { hashFilesApi } from "../../examples/hash_files/server.ts";
import { runProgram, startDemo, temporaryFolder } from "./demo_process.ts";

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const isLinux = Deno.build.os === "linux";

/** Notices that nobody delivers. */
const notices: Notices = { storage: memoryStorage(), arrived: () => Promise.resolve(0) };

/** The routes of an application for a folder, without a network between. */
function apiFor(root: string) {
  const api = hashFilesApi(hashFilesApp(root, notices));
  return {
    hash: async (folder: unknown) => await api.request("/hashes", hashRequest(folder)),
    summary: async () => await (await api.request("/summary")).json(),
    clear: async () => await api.request("/summary", { method: "DELETE" }),
  };
}

function hashRequest(folder: unknown): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ folder }),
  };
}

/** The events of a response, as their names and data. */
async function eventsOf(response: Response): Promise<[event: string, data: unknown][]> {
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  assert.ok(response.body);
  const messages = await Array.fromAsync(parseSse(response.body));
  return messages.map(({ event, data }) => [event, JSON.parse(data)]);
}

async function itemsOf(response: Response): Promise<unknown[]> {
  return (await eventsOf(response)).filter(([event]) => event === "item").map(([, data]) => data);
}

Deno.test("POST /hashes streams the total, the progress of large files, and the hashes", async () => {
  await using folder = await temporaryFolder();
  await folder.writeSparse("large", 40 * MIB);
  await folder.write("small", "x");
  const events = await eventsOf(await apiFor(folder.path).hash("."));
  assert.deepEqual(events.map(([event]) => event), ["start", ...Array(5).fill("item"), "done"]);
  assert.deepEqual(events.slice(1, -1).map(([, item]) => item), [
    { kind: "total", files: 2, bytes: 40 * MIB + 1 },
    { kind: "progress", path: "large", bytes: 16 * MIB },
    { kind: "progress", path: "large", bytes: 32 * MIB },
    {
      kind: "file",
      path: "large",
      bytes: 40 * MIB,
      sha256: "80a3721188e40218b08b26776bc53bdae81e4784fff71d71450a197319cba113",
    },
    {
      kind: "file",
      path: "small",
      bytes: 1,
      sha256: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
    },
  ]);
});

Deno.test("POST /hashes takes a folder inside the root, and gives paths from the root", async () => {
  await using folder = await temporaryFolder();
  await folder.write("outside", "");
  await folder.write("a/b/c", "");
  for (const name of ["a", "a/", "./a", "a/b", "a//b/."]) {
    const [total, file, ...others] = await itemsOf(await apiFor(folder.path).hash(name));
    assert.deepEqual(total, { kind: "total", files: 1, bytes: 0 });
    assert.equal((file as HashedFile).path, "a/b/c");
    assert.deepEqual(others, []);
  }
});

Deno.test("POST /hashes refuses folders that are not relative or go upwards", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a/b", "");
  const api = apiFor(folder.path);
  for (const name of ["..", "a/../..", "../a", "a\\..\\..", "/", folder.path, "a\0", 1, null]) {
    const response = await api.hash(name);
    assert.equal(response.status, 400);
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    const problem = await response.json();
    assert.equal(problem.code, "message_validation");
    assert.deepEqual(problem.issues[0].path, ["folder"]);
  }
});

Deno.test("POST /hashes tells that a folder is missing, a file or behind a link, and not where", async () => {
  await using outside = await temporaryFolder();
  await outside.write("folder/secret", "");
  await using folder = await temporaryFolder();
  await folder.write("a/b", "");
  await Deno.symlink(outside.path, `${folder.path}/link`);
  await Deno.symlink(`${folder.path}/a`, `${folder.path}/inside`);
  const api = apiFor(folder.path);
  for (const name of ["missing", "a/b", "a/b/c", "link", "link/folder", "inside"]) {
    const [, [event, problem] = [], ...others] = await eventsOf(await api.hash(name));
    assert.equal(event, "failure");
    assert.deepEqual(problem, {
      type: "about:blank",
      title: "Not Found",
      status: 404,
      detail: "There is no such folder",
      code: "folder_not_found",
    });
    assert.deepEqual(others, []);
  }
});

Deno.test("GET /hashes goes on after what a client has, and no file is hashed twice", async () => {
  await using folder = await temporaryFolder();
  for (const name of ["a", "b", "c", "d"]) await folder.write(name, name);
  const api = hashFilesApi(hashFilesApp(folder.path, notices));
  const started = await api.request("/hashes", hashRequest("."));
  assert.ok(started.body);
  let lastEventId = "";
  const paths: string[] = [];
  for await (const message of parseSse(started.body)) {
    ({ lastEventId } = message);
    const { path } = JSON.parse(message.data);
    if (path !== undefined) paths.push(path);
    if (path === "b") break;
  }
  const location = started.headers.get("location") ?? "";
  const resumed = await api.request(`/hashes${location}`, {
    headers: { "last-event-id": lastEventId },
  });
  for (const item of await itemsOf(resumed)) paths.push((item as HashedFile).path);
  assert.deepEqual(paths, ["a", "b", "c", "d"]);
  assert.deepEqual(await (await api.request("/summary")).json(), {
    files: 4,
    bytes: 4,
    failures: 0,
  });
});

Deno.test("GET /summary tells what all requests have hashed, until DELETE clears it", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a", "12");
  await folder.write("b/c", "345");
  const api = apiFor(folder.path);
  assert.deepEqual(await api.summary(), { files: 0, bytes: 0, failures: 0 });
  await itemsOf(await api.hash("."));
  await itemsOf(await api.hash("b"));
  assert.deepEqual(await api.summary(), { files: 3, bytes: 8, failures: 0 });
  assert.equal((await api.clear()).status, 204);
  assert.deepEqual(await api.summary(), { files: 0, bytes: 0, failures: 0 });
});

Deno.test("hashFilesApp() closes the file when its reader leaves in the middle", async () => {
  await using folder = await temporaryFolder();
  await folder.writeSparse("large", 200 * GIB);
  const app = hashFilesApp(folder.path, notices);
  for await (const item of app.stream(HashFiles({ folder: "." }))) {
    if (item.kind === "progress") break;
  }
});

Deno.test("hashFolder() stops in the middle of a file and closes it when its signal aborts", async () => {
  await using folder = await temporaryFolder();
  await folder.writeSparse("large", 200 * GIB);
  const controller = new AbortController();
  const items = hashFolder(folder.path, ".", controller.signal);
  assert.equal((await items.next()).value?.kind, "progress");
  const reading = items.next();
  const enough = new Error("enough");
  controller.abort(enough);
  await assert.rejects(reading, enough);
});

Deno.test("the demo serves until it is interrupted when it is asked to", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a", "x");
  await using demo = await startDemo({ args: ["--serve", "."], cwd: folder.path });
  const [, hashes = ""] = await demo.stdout.until(/^Hash a folder: .* (http\S+) .*\n/m);
  const [, read = ""] = await demo.stdout.until(/^Read the summary: .* (http\S+)\n/m);
  const [, clear = ""] = await demo.stdout.until(/^Clear the summary: .* -X DELETE (http\S+)\n/m);
  assert.match(hashes, /^http:\/\/127\.0\.0\.1:\d+\//);
  assert.equal((await itemsOf(await fetch(hashes, hashRequest(".")))).length, 2);
  assert.deepEqual(await (await fetch(read)).json(), { files: 1, bytes: 1, failures: 0 });
  const refused = await fetch(hashes, hashRequest(".."));
  assert.equal((await refused.json()).status, 400);
  assert.equal((await fetch(clear, { method: "DELETE" })).status, 204);
  assert.deepEqual(await (await fetch(read)).json(), { files: 0, bytes: 0, failures: 0 });
  await itemsOf(await fetch(hashes, hashRequest(".")));
  demo.kill("SIGINT");
  assert.equal(await demo.exitCode, 130);
  assert.match(
    demo.stderr.text,
    /^(?:files\.hash \{"folder":"\."\}: completed after \d+\.\d\d s\n){2}Stopped\. Files hashed: 1, unreadable: 0\n$/,
  );
});

/** A figure of a process in bytes; Deno keeps /proc for those that may do everything. */
async function memoryOf(pid: number, figure: "VmRSS" | "VmHWM"): Promise<number> {
  const status = await runProgram("cat", [`/proc/${pid}/status`]);
  return Number(status?.match(new RegExp(`^${figure}:\\s+(\\d+) kB$`, "m"))?.[1]) * 1_024;
}

Deno.test({
  name: "the demo hashes a large file in little memory",
  ignore: !isLinux,
  async fn() {
    await using folder = await temporaryFolder();
    await folder.writeSparse("large", GIB);
    await using demo = await startDemo({ args: ["--serve", "."], cwd: folder.path });
    const [url] = await demo.stdout.until(/http\S+\/hashes/);
    const before = await memoryOf(demo.pid, "VmRSS");
    assert.equal((await itemsOf(await fetch(url, hashRequest(".")))).length, 66);
    const grownBytes = await memoryOf(demo.pid, "VmHWM") - before;
    assert.ok(grownBytes < 100 * MIB, `${grownBytes / MIB} MiB`);
  },
});

Deno.test({
  name: "the demo closes the file when its client leaves in the middle",
  ignore: !isLinux,
  async fn() {
    await using folder = await temporaryFolder();
    await folder.writeSparse("large", 200 * GIB);
    await using demo = await startDemo({ args: ["--serve", "."], cwd: folder.path });
    const [url] = await demo.stdout.until(/http\S+\/hashes/);
    const isOpen = async () =>
      (await runProgram("ls", ["-l", `/proc/${demo.pid}/fd`]))?.includes(`${folder.path}/large`);
    for await (const { kind } of streamItems(url, HashFiles({ folder: "." }))) {
      if (kind !== "progress") continue;
      assert.equal(await isOpen(), true);
      break;
    }
    while (await isOpen());
  },
});

Deno.test("a demo that serves gives nothing to a request by another name than its own", async () => {
  await using folder = await temporaryFolder();
  await using demo = await startDemo({ args: ["--serve"], cwd: folder.path });
  const [, port = ""] = await demo.stdout.until(/127\.0\.0\.1:(\d+)/);
  for (const [host, status] of [["evil.example", 421], ["127.0.0.1", 200], ["localhost", 200]]) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    const head = `GET /summary HTTP/1.1\r\nhost: ${host}:${port}\r\nconnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(head));
    const answer = await new Response(connection.readable).text();
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
  }
});
