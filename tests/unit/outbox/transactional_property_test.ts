import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bootstrap,
  command,
  domainEvent,
  EventHandlingError,
  handlers,
  type MiddlewareFunction,
  notification,
  type,
} from "../../../mod.ts";
import { transactional } from "../../../src/outbox/transactional.ts";
import { recorder } from "../mediator/support.ts";
import { type Ledger, ledger } from "./ledger.ts";

const Work = command("work");
const Asked = domainEvent("asked");
const Ran = domainEvent("ran", type<number>());
const Told = notification("told", { topic: "news", data: type<number>(), key: () => "k" });
const broken = new Error("Broken");

/** What becomes of a part: whether it succeeds, and the runs of the handler that count as far as it decides. */
interface Outcome {
  readonly ok: boolean;
  readonly kept: readonly number[];
}

/** What a stack of middlewares comes to. */
interface Model {
  /** Runs whose transaction has committed, in the order of the commits. */
  readonly committed: number[];
  /** Whether a transaction is open. */
  isOpen: boolean;
  /** How many transactions have begun. */
  begun: number;
}

interface Behaviour {
  readonly run: MiddlewareFunction<object>;
  readonly model: (next: () => Outcome, model: Model) => Outcome;
}

const behaviours = (storage: Ledger): Readonly<Record<string, () => Behaviour>> => ({
  "passes on": () => ({
    run: (_context, next) => next(),
    model: (next) => next(),
  }),
  "adds": () => ({
    run: (_context, next) => (next as (added: object) => Promise<unknown>)({ user: 1 }),
    model: (next) => next(),
  }),
  "goes on": () => ({
    run: async (_context, next) => {
      const result = await next();
      for (let i = 0; i < 3; i++) await Promise.resolve();
      return result;
    },
    model: (next) => next(),
  }),
  "throws before": () => ({
    run: () => Promise.reject(broken),
    model: () => ({ ok: false, kept: [] }),
  }),
  "throws after": () => ({
    run: async (_context, next) => {
      await next();
      throw broken;
    },
    model: (next) => (next(), { ok: false, kept: [] }),
  }),
  "rescues": () => ({
    run: (_context, next) => next().catch(() => {}),
    model: (next) => ({ ...next(), ok: true }),
  }),
  "tries again": () => ({
    run: (_context, next) => next().catch(() => next()),
    model: (next) => {
      const first = next();
      return first.ok ? first : next();
    },
  }),
  "runs twice": () => ({
    run: async (_context, next) => {
      await next();
      await next();
    },
    model: (next) => {
      const first = next();
      if (!first.ok) return { ok: false, kept: [] };
      const second = next();
      return second.ok ? { ok: true, kept: [...first.kept, ...second.kept] } : second;
    },
  }),
  "opens a transaction": () => ({
    run: transactional(storage).handle as MiddlewareFunction<object>,
    model: (next, model) => {
      if (model.isOpen) return next();
      model.isOpen = true;
      model.begun++;
      const inner = next();
      model.isOpen = false;
      if (!inner.ok) return { ok: false, kept: [] };
      model.committed.push(...inner.kept);
      return { ok: true, kept: [] };
    },
  }),
});

const names = Object.keys(behaviours(ledger()));
const scenario = fc.record({
  outer: fc.array(fc.constantFrom(...names), { maxLength: 3 }),
  inner: fc.array(fc.constantFrom(...names), { maxLength: 3 }),
  /** Which runs of the handler fail, over and over. */
  fails: fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
  turns: fc.nat({ max: 3 }),
  isObserved: fc.boolean(),
  hasSignal: fc.boolean(),
});

for (const kind of ["a request", "an event"] as const) {
  Deno.test(`whatever stands around and within transactional() of ${kind}, exactly what its transactions have committed comes out`, async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const { fails, turns } = given;
        const storage = ledger();
        const available = behaviours(storage);
        const stack = [...given.outer, "opens a transaction", ...given.inner]
          .map((name) => (available[name] as () => Behaviour)());

        const model: Model = { committed: [], isOpen: false, begun: 0 };
        let runs = 0;
        const expected = stack.reduceRight<() => Outcome>(
          (next, { model: behave }) => () => behave(next, model),
          () => {
            const run = runs++;
            return fails[run % fails.length] ? { ok: false, kept: [] } : { ok: true, kept: [run] };
          },
        )();

        const { observer, of } = recorder();
        const ran: number[] = [];
        let run = 0;
        let emitted = 0;
        // Each time another function, as the same one would be applied once.
        const registry = stack.reduce(
          (registry, { run }) => registry.use((context, next) => run(context, next)),
          handlers(),
        );
        const handler = async (
          { emit }: { readonly emit: (...events: ReturnType<typeof Ran | typeof Told>[]) => void },
        ) => {
          const id = run++;
          emit(Told(id));
          for (let i = 0; i < turns; i++) await Promise.resolve();
          emit(Ran(id));
          emitted += 2;
          if (fails[id % fails.length]) throw broken;
        };
        const bound = kind === "a request"
          ? registry.on(Work, (_data, context) => handler(context)).on(Asked, () => {})
          : registry.on(Asked, (_data, context) => handler(context)).on(Work, () => {});
        const app = bootstrap(handlers().add(bound).on(Ran, (n) => void ran.push(n)), {
          eventHandling: { concurrency: 1 },
          ...(given.isObserved && { observer }),
        });
        const options = given.hasSignal ? { signal: new AbortController().signal } : {};
        const done = kind === "a request" ? app.send(Work(), options) : app.dispatch(Asked());
        const error = await done.then(() => undefined, (error: unknown) => error);
        const cause = error instanceof EventHandlingError ? error.errors[0] : error;
        assert.equal(cause, expected.ok ? undefined : broken);
        assert.deepEqual(ran, model.committed);
        assert.deepEqual(await storage.outboxed(), model.committed.map((n) => `told ${n}`));
        assert.equal(storage.log.filter((line) => line.startsWith("begin")).length, model.begun);
        if (!given.isObserved) return;
        assert.equal(of("stored").length, model.committed.length);
        const dropped = of("dropped").flatMap(({ messages }) => messages);
        assert.equal(ran.length * 2 + dropped.length, emitted);
      }),
      { numRuns: 2_000 },
    );
  });
}
