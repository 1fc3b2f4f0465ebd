import assert from "node:assert/strict";
import { pageFiles } from "../../examples/hash_files/page_files.ts";
import { listFiles, readText } from "../architecture/repository.ts";

const files = pageFiles();

async function get(path: string, headers: HeadersInit = {}): Promise<Response> {
  return await files.fetch(new Request(`http://127.0.0.1${path}`, { headers }));
}

Deno.test("GET / is the page, which may load what this server gives and nothing else", async () => {
  const response = await get("/");
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/html; charset=utf-8");
  assert.match(
    response.headers.get("content-security-policy") ?? "",
    /^default-src 'none'; script-src 'self' 'sha256-[\w+/]{43}='; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'$/,
  );
  assert.match(await response.text(), /^<!doctype html>/);
});

Deno.test("GET / has no script, style or handler in it but the import map", async () => {
  const html = await (await get("/")).text();
  assert.deepEqual(html.match(/<script(?![^>]* src=)[^>]*>/g), ['<script type="importmap">']);
  assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=/);
});

Deno.test("GET gives a module of the library as JavaScript whose lines are where they were", async () => {
  const response = await get("/src/clock.ts");
  assert.equal(response.headers.get("content-type"), "text/javascript; charset=utf-8");
  assert.equal(response.headers.get("x-content-type-options"), "nosniff");
  const [given, written] = [await response.text(), await readText("src/clock.ts")];
  assert.ok(!given.includes("interface"));
  assert.equal(given.split("\n").length, written.split("\n").length);
});

Deno.test("GET gives everything that the page links to and imports, with a type of its own", async () => {
  const seen = new Map<string, string>();
  const ahead = ["/"];
  for (let path = ahead.pop(); path !== undefined; path = ahead.pop()) {
    if (seen.has(path)) continue;
    const response = await get(path);
    assert.equal(response.status, 200, path);
    seen.set(path, response.headers.get("content-type") ?? "");
    const links = (await response.text()).matchAll(
      /\b(?:src|href)="([^"]+)"|": "(\/[^"]+)"|\bfrom "(\.[^"]+)"/g,
    );
    for (const [, linked, mapped, imported] of links) {
      ahead.push(new URL(linked ?? mapped ?? imported ?? "", `http://x${path}`).pathname);
    }
  }
  assert.deepEqual([...new Set(seen.values())].sort(), [
    "image/svg+xml",
    "text/css; charset=utf-8",
    "text/html; charset=utf-8",
    "text/javascript; charset=utf-8",
  ]);
  for (const path of await listFiles("examples/hash_files/page", "")) {
    const served = path.replace(/^examples\/hash_files/, "").replace("/page/index.html", "/");
    assert.ok(seen.has(served), `nothing needs ${path}`);
  }
});

Deno.test("GET gives no file but those of the page and of the library", async () => {
  const paths = [
    "/main.ts",
    "/messages.ts",
    "/deno.json",
    "/src/",
    "/src/mod",
    "/src/missing.ts",
    "/page/",
    "/page/index.html",
    "/page/missing.ts",
    "/src/..%2fmod.ts",
    "/src/..%5cmod.ts",
    "/src%2fclock.ts",
    "//src/clock.ts",
    "/page/..%2f..%2f..%2fdeno.json",
    "/page/page.ts%00.css",
    "/tests/examples/demo_process.ts",
    "/etc/passwd",
  ];
  for (const path of paths) assert.equal((await get(path)).status, 404, path);
});

Deno.test("GET answers 304 to a browser that has the file as it is", async () => {
  const etag = (await get("/src/clock.ts")).headers.get("etag") ?? "";
  assert.equal((await get("/src/clock.ts", { "if-none-match": etag })).status, 304);
  assert.equal((await get("/src/errors.ts", { "if-none-match": etag })).status, 200);
});
