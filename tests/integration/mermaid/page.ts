/**
 * The real Mermaid, in a page of Chromium.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Mermaid } from "mermaid";
import bundle from "mermaid/dist/mermaid.min.js" with { type: "text" };
import type { Browser, Page } from "playwright-core";

declare const mermaid: Mermaid;

/** A picture that Mermaid has made. */
export interface Picture {
  /** The texts in it, each as it is seen. */
  readonly texts: readonly string[];
  /** What it calls itself. */
  readonly kind: string;
  /** How many elements there are that nobody wants in a picture, such as scripts. */
  readonly intruders: number;
}

/** A page in which Mermaid draws. */
export interface MermaidPage extends AsyncDisposable {
  readonly page: Page;
  /** Parses diagrams; gives what is wrong with each, or `""`. */
  parse(diagrams: readonly string[]): Promise<readonly string[]>;
  /** Draws a diagram into the page, where it takes the place of the one before. */
  draw(diagram: string): Promise<Picture>;
}

/** Opens a page with Mermaid in it. */
export async function openMermaid(browser: Browser): Promise<MermaidPage> {
  const page = await browser.newPage({ viewport: { width: 1_600, height: 1_200 } });
  await page.addScriptTag({ content: bundle });
  await page.evaluate(() => mermaid.initialize({ startOnLoad: false }));
  return {
    page,
    parse: (diagrams) => page.evaluate(parseAll, diagrams),
    draw: (diagram) => page.evaluate(drawOne, diagram),
    [Symbol.asyncDispose]: () => page.close(),
  };
}

async function parseAll(diagrams: readonly string[]): Promise<string[]> {
  const errors = [];
  for (const diagram of diagrams) {
    errors.push(await mermaid.parse(diagram).then(() => "", String));
  }
  return errors;
}

async function drawOne(diagram: string): Promise<Picture> {
  const { svg } = await mermaid.render("drawing", diagram);
  document.body.innerHTML = svg;
  const drawing = document.querySelector("svg");
  const parts = Array.from(
    document.querySelectorAll("svg text, svg .nodeLabel, svg .edgeLabel, svg p"),
  );
  return {
    texts: parts.map(({ textContent }) => textContent.trim()),
    kind: drawing?.getAttribute("aria-roledescription") ?? "",
    intruders:
      document.querySelectorAll("svg script, svg img, svg b, svg a, svg li, svg em").length,
  };
}
