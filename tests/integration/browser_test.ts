import assert from "node:assert/strict";
import {
  isBrowserMissing,
  launchBrowser,
  openPage,
  runModule,
  serveModules,
} from "./page/browser.ts";
import { scenario } from "./runtimes/scenario.ts";

Deno.test({
  name: "the scenario holds in Chromium, from the TypeScript sources",
  ignore: isBrowserMissing,
  async fn() {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => await serveModules(request) ?? new Response(null, { status: 404 }),
    );
    const browser = await launchBrowser();
    try {
      const url = `http://127.0.0.1:${server.addr.port}/`;
      await using opened = await openPage(browser, url);
      const held = await runModule(
        opened.page,
        "tests/integration/runtimes/scenario.ts",
        "scenario",
      );
      assert.equal(held, await scenario());
    } finally {
      await browser.close();
    }
  },
});
