/**
 * Looks at a page as it is drawn, for faults that can be computed.
 *
 * @module
 */

/// <reference lib="dom" />

import type { Page } from "playwright-core";

/** Lists what cannot be read or reached: text and controls of too little contrast, and what sticks out to the side. */
export async function findFaults(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    type Colour = readonly [red: number, green: number, blue: number];

    function parse(colour: string): Colour | undefined {
      const [red = 0, green = 0, blue = 0, alpha = 1] = (colour.match(/[\d.]+/g) ?? []).map(Number);
      return alpha === 0 ? undefined : [red, green, blue];
    }

    function luminance(colour: Colour): number {
      const [red = 0, green = 0, blue = 0] = colour.map((part) =>
        part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4
      );
      return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    }

    function contrast(one: string, other: string): number {
      const [dark = 0, light = 0] = [one, other].map((colour) =>
        luminance(parse(colour) ?? [0, 0, 0])
      ).sort((a, b) => a - b);
      return (light + 0.05) / (dark + 0.05);
    }

    function groundOf(element: Element | null): string {
      if (element === null) return "rgb(255 255 255)";
      const { backgroundColor } = getComputedStyle(element);
      return parse(backgroundColor) ? backgroundColor : groundOf(element.parentElement);
    }

    const faults: string[] = [];
    function require(what: string, colour: string, ground: string, least: number): void {
      const ratio = contrast(colour, ground);
      if (ratio < least) faults.push(`${what}: ${colour} on ${ground} is ${ratio.toFixed(2)}`);
    }

    for (const element of document.body.querySelectorAll<HTMLElement>("*")) {
      if (!element.checkVisibility()) continue;
      const { color, borderTopColor, backgroundColor, outlineColor } = getComputedStyle(element);
      const outside = groundOf(element.parentElement);
      const hasText = [...element.childNodes].some((node) =>
        node.nodeType === Node.TEXT_NODE && node.textContent?.trim()
      );
      const what = `${element.tagName}#${element.id} "${element.textContent?.slice(0, 20)}"`;
      if (hasText) require(what, color, groundOf(element), 4.5);
      if (element.matches("input, button")) require(what, borderTopColor, outside, 3);
      if (element.matches("progress[value]")) require(what, color, backgroundColor, 3);
      if (element.matches("h2")) {
        require(what, getComputedStyle(element, "::before").backgroundColor, outside, 3);
      }
      if (element.matches(":focus-visible")) require(`focus of ${what}`, outlineColor, outside, 3);
      if (element.getBoundingClientRect().right > innerWidth + 0.5 && !element.closest(".unseen")) {
        faults.push(`${what} sticks out`);
      }
    }
    if (document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls sideways");
    return faults;
  });
}
