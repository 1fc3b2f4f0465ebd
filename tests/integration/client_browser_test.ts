import assert from "node:assert/strict";
import { startClientServer } from "./client/server.ts";
import {
  isBrowserMissing,
  launchBrowser,
  openPage,
  runModule,
  serveModules,
} from "./page/browser.ts";

Deno.test({
  name: "the claims of the client hold in Chromium, from the TypeScript sources",
  ignore: isBrowserMissing,
  async fn() {
    await using api = startClientServer(); // of another origin than the page
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      async (request) => await serveModules(request) ?? new Response(null, { status: 404 }),
    );
    const browser = await launchBrowser();
    try {
      await using opened = await openPage(browser, `http://127.0.0.1:${server.addr.port}/`);
      const claims = "tests/integration/client/claims.ts";
      assert.ok(Number(await runModule(opened.page, claims, "clientClaims", api.url)) > 0);
    } finally {
      await browser.close();
    }
  },
});
