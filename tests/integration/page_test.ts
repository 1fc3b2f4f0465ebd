/// <reference lib="dom" />

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Browser, Locator } from "playwright-core";
import { type DemoProcess, temporaryFolder } from "../examples/demo_process.ts";
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

/** Waits until the server says that it has cancelled a run; without being asked it does so after 30 s. */
async function cancelledSoon(server: DemoProcess): Promise<void> {
  const [, seconds] = await server.stderr.until(
    /^files\.hash \{"folder":"\."\}: cancelled after (\d+\.\d\d) s$/m,
  );
  assert.ok(Number(seconds) < 20, `${seconds} s`);
}

async function isFocused(target: Locator): Promise<boolean> {
  return await target.evaluate((element) => element === document.activeElement);
}

/** What screen readers say of an element after its name. */
async function descriptionOf(target: Locator): Promise<string> {
  return await target.evaluate((element) =>
    (element.getAttribute("aria-describedby") ?? "").split(" ")
      .map((id) => document.getElementById(id))
      .map((described) => described?.hidden ? "" : described?.textContent?.trim() ?? "")
      .join(" ").trim()
  );
}

function sha256(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

test("the page hashes a folder and shows each file, or why it could not be read", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a", "a");
  await folder.write("b/<i>c</i>", "markup");
  await folder.write("refused", "");
  await folder.writeSparse("zeros", 40_000_000);
  await using site = await serveFolder(folder, { denyRead: [`${folder.path}/refused`] });
  await using demo = await openDemoPage(browser, site.url);
  await demo.start.click();
  await demo.until("Done");
  assert.deepEqual(await demo.cells(), [
    ["a", "1 B", sha256("a")],
    ["b/<i>c</i>", "6 B", sha256("markup")],
    ["refused", "", "Cannot be read: permission denied"],
    ["zeros", "40.0 MB", "c0e6623abfbed73c146be81338cff1e8e4c06dd05eb98721163dc79fbbd20562"],
  ]);
  assert.equal(await demo.figure("Hashed"), "3 of 3 files");
  assert.equal(await demo.figure("Read"), "40.0 MB of 40.0 MB");
  assert.equal(await demo.figure("Unreadable"), "1");
  assert.equal(await demo.figure("Resumed"), "0 times");
  assert.deepEqual(demo.complaints(), []);
});

test("the page shows how far it is while it runs", async () => {
  await using folder = await temporaryFolder();
  await folder.writeSparse("large", 20 * GIB);
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, site.url);
  await demo.start.click();
  await demo.until("Hashing");
  await demo.page.getByText("Reading large").waitFor();
  await demo.untilPercent(1);
  assert.equal(await demo.figure("Hashed"), "0 of 1 file");
  assert.match(await demo.figure("Read") ?? "", /^\d+\.\d [MG]B of 21\.5 GB$/);
  assert.match(await demo.figure("Rate") ?? "", /^\d+\.\d MB\/s$/);
  assert.match(await demo.page.title(), /^\d+ % · Hash files$/);
});

test("the page says at the field what is wrong with a folder, and leads there", async () => {
  await using folder = await temporaryFolder();
  await folder.write("file", "x");
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, site.url);
  const cases = [
    ["..", 'The folder must not contain "..".'],
    ["/etc", "The folder must be relative."],
    ["missing", "There is no such folder."],
  ] as const;
  for (const [name, message] of cases) {
    await demo.folder.fill(name);
    await demo.start.click();
    await demo.page.getByText(message).waitFor();
    assert.equal(await demo.folder.getAttribute("aria-invalid"), "true");
    assert.match(await descriptionOf(demo.folder), new RegExp(`^${RegExp.escape(message)} `));
    await eventually(() => isFocused(demo.folder));
    await demo.until("Ready");
  }
  await demo.folder.fill("");
  await demo.start.click();
  await demo.until("Done");
  assert.equal(await demo.folder.getAttribute("aria-invalid"), null);
  assert.doesNotMatch(await descriptionOf(demo.folder), /folder must|no such/);
  assert.deepEqual(demo.complaints(), []);
});

test("the page cancels the handler on the server, and says so", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a", "a");
  await folder.writeSparse("large", 200 * GIB);
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, site.url);
  await demo.start.click();
  await demo.page.getByText("Reading large").waitFor();
  await demo.cancel.click();
  await demo.until("Cancelled");
  await cancelledSoon(site.server);
  assert.equal(await demo.figure("Hashed"), "1 of 2 files");
  assert.equal((await demo.cells()).length, 1);
  assert.deepEqual(demo.complaints(), []);
});

test("the page cancels its run when its user goes to another one", async () => {
  await using folder = await temporaryFolder();
  await folder.writeSparse("large", 200 * GIB);
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, site.url);
  await demo.start.click();
  await demo.page.getByText("Reading large").waitFor();
  await demo.page.goto("about:blank");
  await cancelledSoon(site.server);
});

test("the page needs nothing but the keyboard", async () => {
  await using folder = await temporaryFolder();
  await folder.writeSparse("sub/large", 200 * GIB);
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, site.url);
  const { keyboard } = demo.page;
  let starts = 0;
  demo.page.on("request", (request) => void (starts += request.method() === "POST" ? 1 : 0));
  await keyboard.press("Tab");
  assert.ok(await isFocused(demo.folder));
  await keyboard.type("sub");
  await keyboard.press("Tab");
  assert.ok(await isFocused(demo.start));
  await keyboard.press("Enter");
  await demo.page.getByText("Reading sub/large").waitFor();
  assert.ok(await isFocused(demo.cancel), "the focus is lost");
  await keyboard.press("Space");
  await demo.until("Cancelled");
  await eventually(() => isFocused(demo.start));
  await keyboard.press("Shift+Tab");
  assert.ok(await isFocused(demo.folder));
  await keyboard.press("Enter");
  await demo.page.getByText("Reading sub/large").waitFor();
  await keyboard.press("Enter"); // there is one run at a time
  assert.ok(await isFocused(demo.folder));
  await keyboard.press("Tab");
  await keyboard.press("Enter");
  await demo.until("Cancelled");
  await site.server.stderr.until(/cancelled[^]*cancelled/);
  assert.equal(starts, 2);
});

test("the page tells screen readers what changes, and how far it is now and then", async () => {
  await using folder = await temporaryFolder();
  for (let i = 0; i < 50; i++) await folder.write(`${i}`, "");
  await folder.writeSparse("large", 200 * GIB);
  await using site = await serveFolder(folder);
  await using demo = await openDemoPage(browser, "about:blank");
  await demo.page.clock.install();
  await demo.page.goto(site.url);
  const region = demo.page.getByRole("status");
  const texts = await region.evaluateHandle((region) => {
    const texts: (string | null)[] = [];
    new MutationObserver(() => texts.push(region.textContent)).observe(region, { childList: true });
    return texts;
  });
  const said = async () =>
    (await texts.jsonValue()).filter((text) => !text?.startsWith("Counting"));
  const next = async (expected: RegExp) => {
    await eventually(async () => expected.test((await said()).at(-1) ?? ""));
  };
  await demo.start.click();
  await next(/^Hashing 51 files, 214\.7 GB$/);
  await demo.page.getByText("Reading large").waitFor();
  await demo.page.clock.fastForward(15_000);
  await next(/^\d %, 50 of 51 files$/);
  await demo.page.clock.fastForward(15_000);
  await eventually(async () => (await said()).length === 3);
  await demo.page.clock.fastForward(1_000);
  await demo.cancel.click();
  await next(/^Cancelled\. Hashed 50 files, \d+\.\d [MG]B in .* s \(.* MB\/s\), 0 unreadable$/);
  assert.equal((await said()).length, 4);
});
