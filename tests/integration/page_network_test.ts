/// <reference lib="dom" />

import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import { temporaryFolder } from "../examples/demo_process.ts";
import { isBrowserMissing, launchBrowser } from "./page/browser.ts";
import { eventually, openDemoPage, serveFolder } from "./page/demo_page.ts";

const GIB = 1024 ** 3;

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

test("the page resumes however often the network is cut: no row is missing or twice", async () => {
  await using folder = await temporaryFolder();
  const names = Array.from({ length: 250 }, (_, i) => `${1_000 + i}`);
  for (const name of names) await folder.write(name, name);
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, site.url);
  site.proxy.maxBytes = 5_000; // some 15 files
  site.proxy.cut(); // which Chromium has kept
  await demo.start.click();
  const resumed = async () => Number.parseInt(await demo.figure("Resumed") ?? "") || 0;
  const done = demo.page.getByRole("heading", { level: 2, name: "Done" });
  let cuts = 0;
  for (let shown = 0; shown < names.length; cuts++) {
    await demo.untilRows(shown + 1);
    shown = await demo.rows.count();
    // Rows may be shown after their connection was cut: a cut before the next one is there would hit nothing.
    await eventually(async () => await resumed() >= cuts || await done.isVisible());
    if (await done.isVisible()) break;
    site.proxy.cut();
  }
  await demo.until("Done");
  assert.deepEqual((await demo.cells()).map(([path]) => path), names);
  assert.equal(await demo.figure("Hashed"), "250 of 250 files");
  assert.ok(cuts >= 8, `${cuts} cuts`);
  const resumptions = await resumed();
  assert.ok(resumptions >= cuts - 1, `${resumptions} of ${cuts}`); // the last may come after the end
  site.proxy.maxBytes = Infinity;
  assert.equal((await summaryOf(site.url)).files, 250, "the server hashed a file again");
  assert.equal(site.server.stderr.text.match(/^files\.hash/gm)?.length, 1);
  assert.deepEqual(demo.complaints(), []);
});

test("the page says that the connection is lost, and that it is back", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a", "a");
  await folder.writeSparse("large", 200 * GIB);
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, site.url);
  await demo.start.click();
  await demo.page.getByText("Reading large").waitFor();
  const port = site.proxy.port;
  site.proxy.port = 0;
  site.proxy.cut();
  await demo.until("Reconnecting");
  await demo.page.locator("#run").getByText(/Trying again, attempt [2-9]\./).waitFor();
  const news = demo.page.getByRole("status");
  await news.getByText("Reconnecting. The connection was lost.").waitFor();
  site.proxy.port = port;
  await demo.until("Hashing");
  await news.getByText("Connected again. Hashing goes on").waitFor();
  await demo.page.getByText("Reading large").waitFor();
  assert.equal(await demo.figure("Resumed"), "1 time");
  await demo.cancel.click();
  await demo.until("Cancelled");
  await site.server.stderr.until(/^files\.hash .* cancelled after/m);
  assert.equal((await summaryOf(site.url)).files, 1);
});

test("the page resumes when its user cuts the connection, and keeps the focus", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a", "a");
  await folder.writeSparse("large", 2 * GIB);
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, site.url);
  await demo.start.click();
  await demo.page.getByText("Reading large").waitFor();
  await demo.cut.click();
  await eventually(async () => await demo.figure("Resumed") === "1 time");
  await demo.cut.click();
  await eventually(async () => await demo.figure("Resumed") === "2 times");
  await demo.until("Done");
  assert.deepEqual((await demo.cells()).map(([path]) => path), ["a", "large"]);
  await eventually(() => demo.start.evaluate((start) => start === document.activeElement));
});

test("the page resumes when the device was offline", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a", "a");
  await folder.writeSparse("large", GIB);
  await folder.write("z", "z");
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, site.url);
  await demo.start.click();
  await demo.page.getByText("Reading large").waitFor();
  await demo.page.context().setOffline(true);
  site.proxy.cut(); // Chromium leaves connections as they are
  await demo.until("Reconnecting");
  await demo.page.context().setOffline(false);
  await demo.until("Done");
  assert.deepEqual((await demo.cells()).map(([path]) => path), ["a", "large", "z"]);
  assert.equal(await demo.figure("Resumed"), "1 time");
  assert.equal((await summaryOf(site.url)).files, 3);
});

test("the page says that the server cannot be reached, and starts again when it can", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a", "a");
  await folder.writeSparse("large", 200 * GIB);
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, "about:blank");
  await demo.page.clock.install();
  await demo.page.goto(site.url);
  await demo.start.click();
  await demo.page.getByText("Reading large").waitFor();
  site.server.kill("SIGKILL");
  await demo.until("Reconnecting");
  const reason = demo.page.locator("#run").getByText("The server cannot be reached.");
  await eventually(async () => {
    await demo.page.clock.fastForward(5_000);
    return await reason.isVisible();
  });
  await demo.until("Stopped");
  await demo.start.click();
  await eventually(async () => await demo.start.isVisible() && await reason.isVisible());
  await Deno.remove(`${folder.path}/large`);
  await site.restart();
  await demo.start.click();
  await demo.until("Done");
  assert.deepEqual((await demo.cells()).map(([path]) => path), ["a"]);
});

test("the page says that a server which was restarted does not know the run", async () => {
  await using folder = await temporaryFolder();
  await folder.writeSparse("large", 200 * GIB);
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, site.url);
  await demo.start.click();
  await demo.page.getByText("Reading large").waitFor();
  site.server.kill("SIGKILL");
  await site.restart();
  await demo.until("Stopped");
  await demo.page.locator("#run").getByText("The server no longer knows this run.").waitFor();
  assert.equal(await demo.figure("Resumed"), "0 times");
  await demo.start.click();
  await demo.page.getByText("Reading large").waitFor();
});

async function summaryOf(url: string): Promise<{ files: number }> {
  return await (await fetch(`${url}summary`)).json();
}
