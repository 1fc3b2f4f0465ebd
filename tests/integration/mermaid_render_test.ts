import { chain, type Context, fallback, type Message, type } from "@sluice/cqrs";
import { classDiagram, sequenceDiagram, stateDiagram } from "@sluice/cqrs/mermaid";
import { saga, stepFallback } from "@sluice/cqrs/saga";
import fc from "fast-check";
import assert from "node:assert/strict";
import { shorten } from "../../src/mermaid/text.ts";
import { type MermaidPage, openMermaid } from "./mermaid/page.ts";
import { anyChain, anySaga } from "./mermaid/sources.ts";
import { isBrowserMissing, launchBrowser } from "./page/browser.ts";

const Order = saga("order", { version: 1, context: type<{ item: string }>() })
  .step("reserve", { act: function reserveGoods() {}, compensate: () => {} })
  .waitFor("payment", { signal: "paid", timeoutMs: 60_000 })
  .step("send", stepFallback({ act: function byCourier() {} }, { act: function byPost() {} }));

const stepNames = ["reserveGoods", "payment"];

const pay = chain<Message<"query">, Context>(function byCard() {}, function byPayPal() {}, {
  otherwise: fallback<Message<"query">, Context>(
    function sendInvoice() {},
    function printInvoice() {},
  ),
});

const linkNames = ["byCard", "byPayPal", "sendInvoice", "printInvoice"];

const diagrams: readonly {
  readonly name: string;
  readonly diagram: string;
  readonly kind: string;
  readonly texts: readonly string[];
}[] = [
  {
    name: "the sequence diagram of a saga",
    diagram: sequenceDiagram(Order, { title: "How an order is sent" }),
    kind: "sequence",
    texts: [...stepNames, "byCourier", "byPost", "How an order is sent", "Fallback triggered"],
  },
  {
    name: "the class diagram of a saga",
    diagram: classDiagram(Order),
    kind: "class",
    texts: [
      ...stepNames,
      "byCourier",
      "byPost",
      "order",
      "+compensate()",
      "signal: paid",
      "3 send",
    ],
  },
  {
    name: "the state diagram of a saga",
    diagram: stateDiagram(Order),
    kind: "stateDiagram",
    texts: [...stepNames, "byCourier or byPost", "Running", "Parked", "all is undone"],
  },
  {
    name: "the sequence diagram of a chain",
    diagram: sequenceDiagram(pay),
    kind: "sequence",
    texts: [...linkNames, "Chain", "Handler processed (default)", "Fallback triggered"],
  },
  {
    name: "the class diagram of a chain",
    diagram: classDiagram(pay),
    kind: "class",
    texts: [...linkNames, "Chain", "next", "otherwise", "fallback"],
  },
];

async function withMermaid(use: (mermaid: MermaidPage) => Promise<void>): Promise<void> {
  const browser = await launchBrowser();
  try {
    await using mermaid = await openMermaid(browser);
    await use(mermaid);
  } finally {
    await browser.close();
  }
}

Deno.test({
  name: "Chromium draws one diagram of each kind, with the names in it",
  ignore: isBrowserMissing,
  async fn(t) {
    await withMermaid(async (mermaid) => {
      for (const { name, diagram, kind, texts } of diagrams) {
        await t.step(name, async () => {
          const picture = await mermaid.draw(diagram);
          assert.match(picture.kind, new RegExp(`^${kind}`));
          assert.deepEqual(texts.filter((text) => !picture.texts.includes(text)), []);
        });
      }
    });
  },
});

Deno.test({
  name: "Chromium draws every name as it is, and nothing else of what it may mean",
  ignore: isBrowserMissing,
  async fn() {
    await withMermaid(async (mermaid) => {
      await fc.assert(
        fc.asyncProperty(anySaga, anyChain, async (saga, chain) => {
          for (
            const [{ names }, diagram] of [
              [saga, sequenceDiagram(saga.source)],
              [saga, classDiagram(saga.source)],
              [chain, sequenceDiagram(chain.source)],
              [chain, classDiagram(chain.source)],
            ] as const
          ) {
            const { texts, intruders } = await mermaid.draw(diagram);
            const missing = names.map(shorten).filter((name) => !texts.includes(name));
            assert.deepEqual({ missing, intruders }, { missing: [], intruders: 0 }, diagram);
          }
          const { texts, intruders } = await mermaid.draw(stateDiagram(saga.source));
          assert.equal(intruders, 0);
          const shown = texts.join("\n");
          const missing = saga.names.map(shorten).filter((name) => !shown.includes(name));
          assert.deepEqual(missing, []);
        }),
        { numRuns: 10 },
      );
    });
  },
});
