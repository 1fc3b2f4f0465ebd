import { classDiagram, sequenceDiagram, stateDiagram } from "@sluice/cqrs/mermaid";
import fc from "fast-check";
import assert from "node:assert/strict";
import { openMermaid } from "./mermaid/page.ts";
import { anyChain, anyName, anySaga } from "./mermaid/sources.ts";
import { isBrowserMissing, launchBrowser } from "./page/browser.ts";

Deno.test({
  name: "Mermaid parses every diagram, whatever the names in it are",
  ignore: isBrowserMissing,
  async fn() {
    const browser = await launchBrowser();
    try {
      await using mermaid = await openMermaid(browser);
      const sources = fc.record({ saga: anySaga, chain: anyChain, title: fc.option(anyName) });
      await fc.assert(
        fc.asyncProperty(sources, async ({ saga, chain, title }) => {
          const options = { title: title ?? undefined };
          const diagrams = [
            sequenceDiagram(saga.source, options),
            classDiagram(saga.source, options),
            stateDiagram(saga.source, options),
            sequenceDiagram(chain.source, options),
            classDiagram(chain.source, options),
          ];
          assert.deepEqual(await mermaid.parse(diagrams), diagrams.map(() => ""));
        }),
        { numRuns: 60 },
      );
    } finally {
      await browser.close();
    }
  },
});

Deno.test({
  name: "the parser that these tests ask refuses what is no diagram",
  ignore: isBrowserMissing,
  async fn() {
    const browser = await launchBrowser();
    try {
      await using mermaid = await openMermaid(browser);
      const [error = ""] = await mermaid.parse(["sequenceDiagram\n    S->>S1"]);
      assert.match(error, /Parse error on line 2/);
    } finally {
      await browser.close();
    }
  },
});
