import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bootstrap,
  command,
  type Context,
  domainEvent,
  EventHandlingError,
  handlers,
  type MiddlewareFunction,
  type Registry,
} from "../../../mod.ts";
import { recorder } from "./support.ts";

const Work = command("work");
const Asked = domainEvent("asked");
const Ran = domainEvent("ran");

/** What is to be expected of a run: whether it succeeds, and the handler's runs whose events count. */
interface Outcome {
  readonly ok: boolean;
  readonly kept: readonly number[];
}

const FAILED: Outcome = { ok: false, kept: [] };

/** A middleware, and what it makes of what it wraps. */
interface Behaviour {
  readonly run: MiddlewareFunction<object>;
  readonly model: (next: () => Outcome) => Outcome;
}

const broken = new Error("Broken");
const addition: object = { tx: 1 };

const behaviours: Readonly<Record<string, Behaviour>> = {
  "passes on": {
    run: (_context, next) => next(),
    model: (next) => next(),
  },
  "awaits": {
    run: async (_context, next) => await next(),
    model: (next) => next(),
  },
  "adds": {
    run: (_context, next) => next(addition),
    model: (next) => next(),
  },
  "replaces the signal": {
    run: (_context, next) => next({ signal: new AbortController().signal }),
    model: (next) => next(),
  },
  "throws before": {
    run: () => {
      throw broken;
    },
    model: () => FAILED,
  },
  "throws after": {
    run: async (_context, next) => {
      await next();
      throw broken;
    },
    model: (next) => (next(), FAILED),
  },
  "rescues": {
    run: (_context, next) => next().catch(() => {}),
    model: (next) => ({ ...next(), ok: true }),
  },
  "tries again": {
    run: (_context, next) => next().catch(() => next()),
    model: (next) => {
      const first = next();
      return first.ok ? first : next();
    },
  },
  "runs twice": {
    run: async (_context, next) => {
      await next();
      await next();
    },
    model: (next) => {
      const first = next();
      if (!first.ok) return FAILED;
      const second = next();
      return second.ok ? { ok: true, kept: [...first.kept, ...second.kept] } : FAILED;
    },
  },
};

const scenario = fc.record({
  stack: fc.array(fc.constantFrom(...Object.keys(behaviours)), { maxLength: 4 }),
  /** Which runs of the handler fail, over and over. */
  fails: fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
  /** How long the handler takes before its last event. */
  turns: fc.nat({ max: 3 }),
  /** Whether it emits at its start as well. */
  isEarly: fc.boolean(),
  /** Whether somebody observes, which takes another path. */
  isObserved: fc.boolean(),
});

/** What a stack of middlewares around a handler comes to, whose n-th run fails where `fails` says so. */
function expectation(stack: readonly string[], fails: readonly boolean[]) {
  let runs = 0;
  const handler = (): Outcome => {
    const run = runs++;
    return fails[run % fails.length] ? FAILED : { ok: true, kept: [run] };
  };
  const outcome = stack.reduceRight<() => Outcome>(
    (next, name) => () => (behaviours[name] as Behaviour).model(next),
    handler,
  )();
  return { outcome, runs };
}

const kinds: Readonly<
  Record<string, {
    bind(registry: Registry<never, Context>, run: (context: Context) => Promise<void>): Registry<
      ReturnType<typeof Work> | ReturnType<typeof Asked>,
      Context
    >;
    readonly start: ReturnType<typeof Work> | ReturnType<typeof Asked>;
  }>
> = {
  "a request": {
    bind: (registry, run) =>
      registry.on(Work, (_data, context) => run(context)).on(Asked, () => {}),
    start: Work(),
  },
  "an event": {
    bind: (registry, run) =>
      registry.on(Asked, (_data, context) => run(context)).on(Work, () => {}),
    start: Asked(),
  },
};

/** Puts the middlewares of a stack around what is bound next. */
function stacked(stack: readonly string[]): Registry<never, Context> {
  return stack.reduce<Registry<never, Context>>(
    // Each time another function, as the same one would be applied once.
    (registry, name) =>
      registry.use((context, next) => (behaviours[name] as Behaviour).run(context, next)),
    handlers(),
  );
}

for (const [kind, { bind, start }] of Object.entries(kinds)) {
  Deno.test(`whatever middlewares do around the handler of ${kind}, exactly the events of runs that count come out`, async () => {
    await fc.assert(
      fc.asyncProperty(scenario, async ({ stack, fails, turns, isEarly, isObserved }) => {
        const { outcome, runs } = expectation(stack, fails);
        const { observer, of } = recorder();
        const emitted: string[] = [];
        const ran: string[] = [];
        let run = 0;
        const bound = bind(stacked(stack), async (context) => {
          const id = run++;
          const tell = (text: string) => {
            context.emit(Ran(undefined, { id: text }));
            emitted.push(text);
          };
          if (isEarly) tell(`${id} early`);
          for (let i = 0; i < turns; i++) await Promise.resolve();
          tell(`${id} late`);
          if (fails[id % fails.length]) throw broken;
        });
        const app = bootstrap(
          // Not within the middlewares, which would run this handler more than once as well.
          handlers().add(bound).on(Ran, (_data, { id }) => void ran.push(id)),
          { eventHandling: { concurrency: 1 }, ...(isObserved && { observer }) },
        );
        const done = start.kind === "command" ? app.send(start) : app.dispatch(start);
        const error = await done.then(() => undefined, (error: unknown) => error);
        const cause = error instanceof EventHandlingError ? error.errors[0] : error;
        assert.equal(cause, outcome.ok ? undefined : broken);
        assert.equal(run, runs);
        const kept = outcome.ok ? outcome.kept : [];
        assert.deepEqual(
          ran,
          kept.flatMap((id) => isEarly ? [`${id} early`, `${id} late`] : [`${id} late`]),
        );
        if (!isObserved) return;
        const dropped = of("dropped").flatMap(({ messages }) =>
          messages.map(({ metadata }) => metadata.id)
        );
        assert.deepEqual([...ran, ...dropped].toSorted(), emitted.toSorted());
      }),
      { numRuns: 2_000 },
    );
  });
}
