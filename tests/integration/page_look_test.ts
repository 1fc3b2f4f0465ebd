/// <reference lib="dom" />

import assert from "node:assert/strict";
import type { Browser, BrowserContextOptions } from "playwright-core";
import { temporaryFolder } from "../examples/demo_process.ts";
import { isBrowserMissing, launchBrowser } from "./page/browser.ts";
import { openDemoPage, serveFolder } from "./page/demo_page.ts";
import { findFaults } from "./page/faults.ts";

const GIB = 1024 ** 3;

const PHONE = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, hasTouch: true };
const DESKTOP = { viewport: { width: 1280, height: 860 } };
const LOOKS: Readonly<Record<string, BrowserContextOptions>> = {
  "phone_light": { ...PHONE, colorScheme: "light" },
  "phone_dark": { ...PHONE, colorScheme: "dark" },
  "desktop_light": { ...DESKTOP, colorScheme: "light" },
  "desktop_dark": { ...DESKTOP, colorScheme: "dark" },
};

/** What a screen reader finds after two files, one of them unreadable. */
const ROLES = `- banner:
  - paragraph: Sluice
  - heading "Hash files" [level=1]
  - paragraph: The server reads a folder and streams the SHA-256 of every file to this page.
- main:
  - text: Folder
  - textbox "Folder"
  - paragraph: Relative to the folder that is served. Leave it empty for the whole of it.
  - button "Hash files"
  - region "Done":
    - heading "Done" [level=2]
    - paragraph: 100 %
    - progressbar "Progress"
    - term: Hashed
    - definition: 1 of 1 file
    - term: Read
    - definition: 1 B of 1 B
    - term: Time
    - definition: # s
    - term: Rate
    - definition: # MB/s
    - term: Unreadable
    - definition: "1"
    - term: Resumed
    - definition: 0 times
  - table "Files 2, newest first":
    - caption: Files 2, newest first
    - rowgroup:
      - row "Path Size SHA-256":
        - columnheader "Path"
        - columnheader "Size"
        - columnheader "SHA-256"
    - rowgroup:
      - 'row "b Cannot be read: permission denied"':
        - rowheader "b"
        - cell
        - 'cell "Cannot be read: permission denied"'
      - row "a 1 B ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb":
        - rowheader "a"
        - cell "1 B"
        - cell "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
`;

/** A folder for pictures of every state; without one there are none. */
const pictures = Deno.env.get("PAGE_PICTURES");

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

/** A folder with names and sizes of every kind; "small" alone is hashed at once. */
async function variedFolder() {
  const folder = await temporaryFolder();
  await folder.write("archive/letters/1987/a letter to nobody in particular.txt", "Dear nobody");
  await folder.write(`archive/${"unbreakable".repeat(12)}`, "x".repeat(1_234));
  await folder.write("archive/refused", "");
  for (const name of ["LICENSE", "README.md", "deno.json", "mod.ts"]) {
    await folder.write(`small/${name}`, name.repeat(100));
    await folder.write(`small/src/${name}`, name.repeat(300));
  }
  await folder.writeSparse("small/picture.raw", 30_000_000);
  await folder.writeSparse("video.mov", 4 * GIB);
  return folder;
}

for (const [look, options] of Object.entries(LOOKS)) {
  test(`the page can be read in every state: ${look}`, async () => {
    await using folder = await variedFolder();
    const denyRead = [`${folder.path}/archive/refused`];
    await using site = await serveFolder(folder, { denyRead });
    await using demo = await openDemoPage(browser, site.url, options);
    const examine = async (state: string) => {
      if (pictures !== undefined) {
        await demo.page.screenshot({ path: `${pictures}/${look}_${state}.png`, fullPage: true });
      }
      assert.deepEqual(await findFaults(demo.page), [], state);
    };
    await examine("idle");
    await demo.folder.fill("../secrets");
    await demo.folder.press("Enter");
    await demo.page.getByText("must not contain").waitFor();
    await examine("error");
    await demo.folder.fill("small");
    await demo.start.click();
    await demo.until("Done");
    await examine("done");
    await demo.folder.fill("");
    await demo.start.click();
    await demo.page.getByText("Reading video.mov").waitFor();
    await demo.untilPercent(20);
    await examine("running");
    site.server.kill("SIGKILL");
    await demo.until("Reconnecting");
    await examine("reconnecting");
    await site.restart();
    await demo.until("Stopped");
    await examine("failed");
    await demo.start.click();
    await demo.page.getByText("Reading video.mov").waitFor();
    await demo.cancel.click();
    await demo.until("Cancelled");
    await examine("cancelled");
    assert.deepEqual(demo.complaints(), []);
  });
}

test("the page has room for its text at twice the size", async () => {
  await using folder = await variedFolder();
  await using site = await serveFolder(folder);
  for (
    const options of [
      PHONE,
      { viewport: { width: 640, height: 430 }, deviceScaleFactor: 2 }, // 1280 pixels at 200 %
      { viewport: { width: 320, height: 256 }, deviceScaleFactor: 4 }, // 1280 pixels at 400 %
    ]
  ) {
    await using demo = await openDemoPage(browser, site.url, options);
    if (options === PHONE) {
      await demo.page.evaluate(() => void (document.documentElement.style.fontSize = "200%"));
    }
    await demo.folder.fill("small");
    await demo.start.click();
    await demo.until("Done");
    assert.deepEqual(await findFaults(demo.page), []);
  }
});

test("the page has names and roles for everything, also where rows are laid out in two lines", async () => {
  await using folder = await temporaryFolder();
  await folder.write("a", "a");
  await folder.write("b", "");
  await using site = await serveFolder(folder, { denyRead: [`${folder.path}/b`] });
  for (const options of [PHONE, DESKTOP]) {
    await using demo = await openDemoPage(browser, site.url, options);
    await demo.start.click();
    await demo.until("Done");
    const snapshot = await demo.page.locator("body").ariaSnapshot();
    assert.equal(
      snapshot.replace(/\d+\.\d\d s/, "# s").replace(/\d+\.\d MB/, "# MB").replace(
        /- status.*/,
        "",
      ),
      ROLES,
    );
  }
});

test("the page stands still for those who prefer that", async () => {
  await using folder = await temporaryFolder();
  await folder.writeSparse("large", 200 * GIB);
  await using site = await serveFolder(folder);
  for (const reducedMotion of ["reduce", "no-preference"] as const) {
    await using demo = await openDemoPage(browser, site.url, { reducedMotion });
    await demo.start.click();
    await demo.page.getByText("Reading large").waitFor();
    const port = site.proxy.port;
    site.proxy.port = 0;
    site.proxy.cut();
    await demo.until("Reconnecting");
    const animations = await demo.page.evaluate(() => document.getAnimations().length);
    assert.equal(animations, reducedMotion === "reduce" ? 0 : 1);
    site.proxy.port = port;
    await demo.cancel.click();
    await demo.until("Cancelled");
  }
});
