/**
 * Sagas and chains with any names, as fast-check makes them.
 *
 * @module
 */

import {
  chain,
  type ChainHandler,
  circuitBreaker,
  type Context,
  fallback,
  type Message,
  type,
  withRetry,
  withTimeout,
} from "@sluice/cqrs";
import type { DiagramSaga, DiagramSource } from "@sluice/cqrs/mermaid";
import { saga, stepFallback } from "@sluice/cqrs/saga";
import fc from "fast-check";
import { z } from "zod";

/** What means something in one kind of diagram or another, in Markdown, in HTML, or to Mermaid itself. */
const FRAGMENTS: readonly string[] = [
  ..."\"'`#;:,.!?%&$*_~^|\\/()[]{}<>=+-@ \t\n\r\u0000\u2028\u200b\u202e\ud800",
  "end END note over participant actor loop alt else opt par and rect box activate title wrap: as",
  "end",
  "class state direction LR namespace style click href call default [*] --> ->> -->> -)",
  "%%",
  "%%{init: {}}%%",
  "---",
  "<br/>",
  "<script>alert(1)</script>",
  "<img src=x onerror=alert(1)>",
  "<b>bold</b>",
  "&amp;",
  "#35;",
  "#quot;",
  "&#35;",
  "&lt;",
  "redirection TB",
  "ﬂ°°35¶ß",
  "1. one",
  "- one",
  "__proto__",
  "constructor",
  "**bold**",
  "[a link](https://example.com)",
  "www.example.com",
  "fa:fa-car",
  "$$x^2$$",
  "Straße",
  "日本語",
  "👩‍🚀",
  "e\u0301",
  "aVeryLongNameThatNobodyCanReadInADiagram",
];

/** Any name that is not empty. */
export const anyName: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: "binary", minLength: 1 }),
  fc.string({ unit: "grapheme", minLength: 1 }),
  fc.array(fc.constantFrom(...FRAGMENTS), { minLength: 1, maxLength: 6 })
    .map((fragments) => fragments.join("")),
);

/** A saga whose types do not matter. */
interface LooseSaga extends DiagramSaga {
  step(id: string, step: object, options?: object): LooseSaga;
  waitFor(id: string, options: object): LooseSaga;
}

/** A source of diagrams, and the names that have to be in each. */
export interface Named<S> {
  readonly source: S;
  readonly names: readonly string[];
}

/** A function with any name. */
function named<F extends (...args: never[]) => unknown>(name: string, run: F): F {
  return Object.defineProperty(run, "name", { value: name });
}

const anyStep = fc.record({
  id: anyName,
  name: anyName,
  secondary: anyName,
  shape: fc.constantFrom("plain", "compensated", "fallback", "retried", "wait", "timed wait"),
});

/** Any saga of up to five steps. */
export const anySaga: fc.Arbitrary<Named<DiagramSaga>> = fc.tuple(
  anyName,
  fc.uniqueArray(anyStep, { maxLength: 5, selector: ({ id }) => id }),
).map(([name, steps]) => {
  let source = saga(name, { version: 1, context: type<object>() }) as unknown as LooseSaga;
  const names: string[] = [];
  for (const { id, name, secondary, shape } of steps) {
    const step = { act: named(name, () => {}), compensate: () => {} };
    if (shape === "wait" || shape === "timed wait") {
      const signal = secondary.startsWith("$") ? `_${secondary}` : secondary;
      source = source.waitFor(id, { signal, timeoutMs: shape === "wait" ? Infinity : 90_000 });
      names.push(id);
      continue;
    }
    names.push(name === "act" ? id : name);
    if (shape === "fallback") {
      const other = named(secondary, () => {});
      source = source.step(id, stepFallback(step, other));
      names.push(secondary);
    } else if (shape === "retried") {
      source = source.step(id, step, { retry: { maxAttempts: 4 }, timeoutMs: 250 });
    } else {
      source = source.step(id, shape === "plain" ? { act: step.act } : step);
    }
  }
  return { source, names };
});

type Asked = Message<"query">;

/** Any chain of up to five links. */
export const anyChain: fc.Arbitrary<Named<DiagramSource>> = fc.record({
  before: fc.array(anyName, { maxLength: 4 }),
  last: anyName,
  otherwise: fc.array(anyName, { maxLength: 3 }),
}).map(({ before, last, otherwise }) => {
  const handlers = before.map((name) => named(name, () => 1));
  const lastLink = named(last, () => 1);
  const links = [...before, last];
  const [first, second, third] = otherwise.map((name) => named(name, () => 1));
  if (first === undefined) {
    return { source: chain<Asked, Context>(...handlers, lastLink), names: links };
  }
  const inner = third === undefined ? first : chain<Asked, Context>(first, third);
  const end = second === undefined
    ? withRetry<Asked, Context>(first)
    : fallback<Asked, Context>(inner, second);
  const source = chain<Asked, Context>(...handlers, lastLink, { otherwise: end });
  return { source, names: [...links, ...otherwise].filter((name) => name !== "handle") };
});

const odd = z.object({ "a}b: <c>": z.string(), "$$x^2$$": z.array(z.number()).optional() });
const courier = { act: function byCourier() {}, compensate: () => {} };

/** As it can be made by hand. */
const emptyChain: ChainHandler<Asked, Context> = {
  composite: "chain",
  links: [],
  defaultHandler: undefined,
};

/** What definitions can have, besides names: each of it once. */
export const everyShape: readonly DiagramSource[] = [
  saga("no.steps", { version: 1, context: type<object>() }),
  saga("fields", { version: 2, context: odd })
    .step("send", stepFallback(courier, courier, { circuitBreaker: circuitBreaker({ name: "c" }) }))
    .step("tried", { act: () => {}, retry: { maxAttempts: Infinity }, timeoutMs: 1 })
    .waitFor("wait", { signal: "paid", data: odd }),
  Array.from({ length: 12 }, (_, n) => `step ${n}`).reduce(
    (source, id) => source.step(id, { act: () => {} }),
    saga("long", { version: 1, context: type<object>() }) as unknown as LooseSaga,
  ),
  emptyChain,
  withTimeout<Asked, Context>(function live() {}, 2_000),
  withRetry<Asked, Context>(function often() {}, { maxAttempts: Infinity }),
  fallback<Asked, Context>(
    chain<Asked, Context>(function first() {}, function second() {}),
    chain<Asked, Context>(function third() {}, { otherwise: function last() {} }),
    { circuitBreaker: circuitBreaker({ name: "d" }) },
  ),
];
