import { classDiagram, sequenceDiagram, stateDiagram } from "@sluice/cqrs/mermaid";
import fc from "fast-check";
import assert from "node:assert/strict";
import { type MermaidPage, openMermaid } from "./mermaid/page.ts";
import { anyChain, anyName, anySaga, everyShape } from "./mermaid/sources.ts";
import { isBrowserMissing, launchBrowser } from "./page/browser.ts";

/** A test that asks the real Mermaid, in a browser of its own. */
function testMermaid(name: string, run: (mermaid: MermaidPage) => Promise<void>): void {
  Deno.test({
    name,
    ignore: isBrowserMissing,
    async fn() {
      const browser = await launchBrowser();
      try {
        await using mermaid = await openMermaid(browser);
        await run(mermaid);
      } finally {
        await browser.close();
      }
    },
  });
}

testMermaid("Mermaid parses every diagram, whatever the names in it are", async (mermaid) => {
  const cases = fc.record({ saga: anySaga, chain: anyChain, title: fc.option(anyName) });
  // Many at a time, as going to the page and back takes longer than parsing does.
  const batches = fc.array(cases, { minLength: 1, maxLength: 20, size: "max" });
  await fc.assert(
    fc.asyncProperty(batches, async (batch) => {
      const diagrams = batch.flatMap(({ saga, chain, title }) => {
        const options = { title: title ?? undefined };
        return [
          sequenceDiagram(saga.source, options),
          classDiagram(saga.source, options),
          stateDiagram(saga.source, options),
          sequenceDiagram(chain.source, options),
          classDiagram(chain.source, options),
        ];
      });
      assert.deepEqual(await mermaid.parse(diagrams), diagrams.map(() => ""));
    }),
    { numRuns: 15 },
  );
});

testMermaid("Mermaid parses whatever a definition can have", async (mermaid) => {
  const diagrams = everyShape.flatMap((source) => [
    sequenceDiagram(source),
    classDiagram(source),
    ...("steps" in source ? [stateDiagram(source)] : []),
  ]);
  assert.deepEqual(await mermaid.parse(diagrams), diagrams.map(() => ""));
});

testMermaid("the parser that these tests ask refuses what is no diagram", async (mermaid) => {
  const [error = ""] = await mermaid.parse(["sequenceDiagram\n    S->>S1"]);
  assert.match(error, /Parse error on line 2/);
});
