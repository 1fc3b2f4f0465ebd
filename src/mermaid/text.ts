/** The most characters of a name that a diagram shows. */
const MAX_NAME_LENGTH = 30;

const ELLIPSIS = "...";

/** What breaks lines, cannot be seen, or turns the direction of the text around it. */
const INVISIBLE = /[\s\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff]+/gu;

/**
 * What may mean something in one kind of diagram or another, or in the Markdown that Mermaid takes labels
 * for: whatever is no letter, mark, number or picture; marks of emphasis, rules and lists, which have no
 * letter on either side; the point behind the number of a list; the word that ends a block; and the one that
 * turns a whole diagram, wherever in a line it stands.
 */
const MEANINGFUL =
  /[^\p{L}\p{M}\p{N}\p{So}\u200d _./-]|(?<![\p{L}\p{N}])[_/-]|[_/-](?![\p{L}\p{N}])|(?<=\d)\.(?![\p{L}\p{N}.])|\bend\b|direction(?= )/giu;

/**
 * A text on one line, without the signs by which Mermaid marks codes while it works, as it takes them for
 * codes wherever they come from; `unnamed` where nothing is left to be seen.
 */
export function oneLine(text: string): string {
  const line = text.replace(INVISIBLE, " ").replace(/\p{Surrogate}/gu, "\ufffd")
    .replaceAll("ﬂ", "fl").replaceAll("¶ß", "¶ ß").trim();
  return line === "" ? "unnamed" : line;
}

/** A name on one line that is short enough for a diagram: of more than 30 characters the first 27 stay. */
export function shorten(name: string): string {
  const characters = Array.from(oneLine(name));
  if (characters.length <= MAX_NAME_LENGTH) return characters.join("");
  return characters.slice(0, MAX_NAME_LENGTH - ELLIPSIS.length).join("") + ELLIPSIS;
}

/** A text in which Mermaid finds nothing but text: a character that may mean something is written as its code. */
export function escapeText(text: string): string {
  return text.replace(MEANINGFUL, (match) => {
    const [first = "", ...rest] = match;
    return `#${first.codePointAt(0)};${rest.join("")}`;
  });
}

/** How a diagram writes a name: short, on one line, and escaped. */
export function nameText(name: string): string {
  return escapeText(shorten(name));
}

/** A time for people: `2 h`, `90 s`, `250 ms`. */
export function durationText(ms: number): string {
  const unit = UNITS.find(([size]) => ms > 0 && ms % size === 0);
  return unit === undefined ? `${ms} ms` : `${ms / unit[0]} ${unit[1]}`;
}

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [3_600_000, "h"],
  [60_000, "min"],
  [1_000, "s"],
];

/** How often something is tried; `undefined` where that is once. */
export function attemptsText(maxAttempts: number): string | undefined {
  if (maxAttempts === 1) return undefined;
  return maxAttempts === Infinity ? "any number of attempts" : `up to ${maxAttempts} attempts`;
}
