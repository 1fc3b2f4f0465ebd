import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bootstrap,
  type Context,
  domainEvent,
  handlers,
  type Middleware,
  type Registry,
  streamRequest,
} from "../../../mod.ts";
import { recorder } from "./support.ts";

const Items = streamRequest("items").yields<string>();
const Told = domainEvent("told");
const broken = new Error("Broken");

/** What one run of the handler does: how many events it emits before each item, and after the last. */
interface Script {
  readonly before: readonly number[];
  readonly after: number;
  readonly throws: boolean;
}

/** What is to be expected of a part of a stream. */
interface Outcome {
  readonly ok: boolean;
  readonly items: readonly string[];
  /** The events that come out whatever follows, because an item came after them. */
  readonly kept: readonly string[];
  /** The events that come out if all that surrounds them succeeds. */
  readonly last: readonly string[];
}

interface Behaviour {
  readonly wrap: () => Middleware;
  readonly model: (next: () => Outcome) => Outcome;
}

const failed = ({ items, kept }: Pick<Outcome, "items" | "kept">): Outcome => {
  return { ok: false, items, kept, last: [] };
};

const behaviours: Readonly<Record<string, Behaviour>> = {
  "passes on": {
    wrap: () => (_context, next) => next(),
    model: (next) => next(),
  },
  "replaces the signal": {
    wrap: () => ({ signal }, next) => next({ signal }),
    model: (next) => next(),
  },
  "passes items on": {
    wrap: () => ({
      handle: (_context, next) => next(),
      async *stream(_context, next) {
        yield* next();
      },
    }),
    model: (next) => next(),
  },
  "throws before": {
    wrap: () => () => Promise.reject(broken),
    model: () => failed({ items: [], kept: [] }),
  },
  "throws after": {
    wrap: () => async (_context, next) => {
      await next();
      throw broken;
    },
    model: (next) => failed(next()),
  },
  "rescues": {
    wrap: () => (_context, next) => next().catch(() => {}),
    model: (next) => ({ ...next(), ok: true }),
  },
  "tries again": {
    wrap: () => (_context, next) => next().catch(() => next()),
    model: (next) => {
      const first = next();
      return first.ok ? first : first.items.length > 0 ? failed(first) : next();
    },
  },
  "runs twice": {
    wrap: () => async (_context, next) => {
      await next();
      await next();
    },
    model: (next) => {
      const first = next();
      if (!first.ok || first.items.length > 0) return failed(first);
      const { ok, items, kept, last } = next();
      if (items.length > 0) return { ok, items, kept: [...first.last, ...kept], last };
      return { ok, items, kept, last: ok ? [...first.last, ...last] : [] };
    },
  },
};

const scenario = fc.record({
  stack: fc.array(fc.constantFrom(...Object.keys(behaviours)), { maxLength: 4 }),
  scripts: fc.array(
    fc.record({
      before: fc.array(fc.nat({ max: 2 }), { maxLength: 3 }),
      after: fc.nat({ max: 2 }),
      throws: fc.boolean(),
    }),
    { minLength: 1, maxLength: 4 },
  ),
  turns: fc.nat({ max: 2 }),
});

/** The names of the events that run `run` emits before item `item`. */
function events(run: number, item: number, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `event ${run}.${item}.${n}`);
}

function expectation(stack: readonly string[], scripts: readonly Script[]) {
  let runs = 0;
  const handler = (): Outcome => {
    const run = runs++;
    const { before, after, throws } = scripts[run % scripts.length] as Script;
    return {
      ok: !throws,
      items: before.map((_, item) => `item ${run}.${item}`),
      kept: before.flatMap((count, item) => events(run, item, count)),
      last: throws ? [] : events(run, before.length, after),
    };
  };
  const outcome = stack.reduceRight<() => Outcome>(
    (next, name) => () => (behaviours[name] as Behaviour).model(next),
    handler,
  )();
  return { outcome, runs };
}

Deno.test("whatever middlewares do around a stream, exactly the items and events that count come out", async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async ({ stack, scripts, turns }) => {
      const { outcome, runs } = expectation(stack, scripts);
      const { observer, of } = recorder();
      const emitted: string[] = [];
      const told: string[] = [];
      let run = 0;
      const wrapped = stack.reduce<Registry<never, Context>>(
        (registry, name) => registry.use((behaviours[name] as Behaviour).wrap()),
        handlers(),
      );
      const bound = wrapped.on(Items, async function* (_data, { emit }) {
        const id = run++;
        const { before, after, throws } = scripts[id % scripts.length] as Script;
        const tell = (item: number, count: number) => {
          for (const name of events(id, item, count)) {
            emit(Told(undefined, { id: name }));
            emitted.push(name);
          }
        };
        for (const [item, count] of before.entries()) {
          tell(item, count);
          for (let i = 0; i < turns; i++) await Promise.resolve();
          yield `item ${id}.${item}`;
        }
        tell(before.length, after);
        if (throws) throw broken;
      });
      const app = bootstrap(
        handlers().add(bound).on(Told, (_data, { id }) => void told.push(id)),
        { observer, eventHandling: { concurrency: 1 } },
      );
      const items: string[] = [];
      let ok = true;
      try {
        for await (const item of app.stream(Items())) items.push(item);
      } catch {
        ok = false;
      }
      assert.equal(ok, outcome.ok);
      assert.equal(run, runs);
      assert.deepEqual(items, outcome.items);
      assert.deepEqual(told, outcome.ok ? [...outcome.kept, ...outcome.last] : outcome.kept);
      const dropped = of("dropped").flatMap(({ messages }) =>
        messages.map(({ metadata }) => metadata.id)
      );
      assert.deepEqual([...told, ...dropped].toSorted(), emitted.toSorted());
    }),
    { numRuns: 2_000 },
  );
});
