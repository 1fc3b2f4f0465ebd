/// <reference lib="dom" />

import { bootstrap, handlers } from "@sluice/cqrs";
import { routes } from "@sluice/cqrs/hono";
import { memoryReplayLog } from "@sluice/cqrs/stream";
import { Hono } from "hono";
import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import { HashFiles, type HashItem } from "../../examples/hash_files/messages.ts";
import { pageFiles } from "../../examples/hash_files/page_files.ts";
import { isBrowserMissing, launchBrowser } from "./page/browser.ts";
import { eventually, openDemoPage } from "./page/demo_page.ts";

let browser: Browser;

Deno.test.beforeAll(async () => {
  if (!isBrowserMissing) browser = await launchBrowser();
});

Deno.test.afterAll(async () => {
  await browser?.close();
});

/** A test in the browser. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: isBrowserMissing, fn });
}

/** Serves the page for `count` files that exist nowhere, as fast as they are read. */
function serveFiles(count: number, isUnreadable: (i: number) => boolean = () => false) {
  const seen = { items: 0, hasEnded: false };
  async function* hash(): AsyncGenerator<HashItem> {
    try {
      yield { kind: "total", files: count, bytes: count };
      for (let i = 0; i < count; i++) {
        seen.items++;
        const path = `folder/${i}`;
        yield isUnreadable(i)
          ? { kind: "unreadable", path, reason: "permission denied" }
          : { kind: "file", path, bytes: 1, sha256: "0".repeat(64) };
      }
    } finally {
      seen.hasEnded = true;
    }
  }
  const http = routes(bootstrap(handlers().on(HashFiles, hash)), { replay: memoryReplayLog() });
  const api = new Hono()
    .all("/hashes", http.sse(HashFiles))
    .get("/ping", (c) => c.text("pong"))
    .route("/", pageFiles());
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, api.fetch);
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    seen,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

test("the page shows a few hundred of very many files, and says how many it does not", async () => {
  await using site = serveFiles(30_000);
  await using demo = await openDemoPage(browser, site.url);
  await demo.start.click();
  await demo.until("Done");
  const cells = await demo.cells();
  assert.equal(cells.length, 300);
  assert.deepEqual([cells.at(0)?.[0], cells.at(-1)?.[0]], ["folder/29700", "folder/29999"]);
  await demo.page.getByText("30000, newest first; 29700 are not shown").waitFor();
});

test("the page keeps showing what could not be read", async () => {
  await using site = serveFiles(10_000, (i) => i % 1_000 === 0);
  await using demo = await openDemoPage(browser, site.url);
  await demo.start.click();
  await demo.until("Done");
  const cells = await demo.cells();
  assert.equal(cells.length, 300);
  assert.deepEqual(
    cells.filter(([, , text]) => text?.startsWith("Cannot be read")).map(([path]) => path),
    Array.from({ length: 10 }, (_, i) => `folder/${i * 1_000}`),
  );
});

test("the page does not make the server run ahead of it", async () => {
  await using site = serveFiles(Infinity);
  await using demo = await openDemoPage(browser, site.url);
  const debug = await demo.page.context().newCDPSession(demo.page);
  await demo.start.click();
  await eventually(() => site.seen.items > 1_000);
  await debug.send("Debugger.enable");
  const isPaused = Promise.withResolvers<void>();
  debug.once("Debugger.paused", () => isPaused.resolve());
  await debug.send("Debugger.pause");
  await isPaused.promise;
  const paused = site.seen.items;
  for (let last = -1; last !== site.seen.items;) {
    last = site.seen.items;
    for (let pings = 0; pings < 20; pings++) await (await fetch(`${site.url}ping`)).text();
    // What the system and the browser buffer for one connection is some MiB.
    assert.ok(site.seen.items < paused + 200_000, `${site.seen.items - paused} items ahead`);
  }
  const { items } = site.seen;
  await debug.send("Debugger.resume");
  await eventually(() => site.seen.items > items + 10_000);
  await demo.cancel.click();
  await demo.until("Cancelled");
  await eventually(() => site.seen.hasEnded);
});

test("the page goes on in the background, where nothing is drawn", async () => {
  await using site = serveFiles(1_000);
  await using demo = await openDemoPage(browser, "about:blank");
  await demo.page.addInitScript(() => {
    globalThis.requestAnimationFrame = () => 1; // as in a tab that is hidden, it is not called
  });
  await demo.page.goto(site.url);
  await demo.start.click();
  await demo.until("Done");
  assert.equal(await demo.page.title(), "100 % · Hash files");
});
