import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  type Context,
  domainEvent,
  handlers,
  type Registry,
  retry,
  timeout,
  type,
} from "../../../mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { recorder } from "./support.ts";

const Work = command("work").returns<string>();
const Asked = domainEvent("asked");
const Done = domainEvent("done", type<number>());

/** Middlewares that a handler may stand in; its events must come out of each. */
const surroundings: Readonly<
  Record<string, (registry: Registry<never, Context>) => Registry<never, Context>>
> = {
  "no middleware": (registry) => registry,
  "a middleware that passes on": (registry) => registry.use((_context, next) => next()),
  "a middleware that awaits": (registry) => registry.use(async (_context, next) => await next()),
  "a middleware that goes on": (registry) =>
    registry.use(async (_context, next) => {
      const result = await next();
      await Promise.resolve();
      return result;
    }),
  "a middleware that adds to the context": (registry) =>
    registry.use<{ tx: number }>((_context, next) => next({ tx: 1 })),
  "two middlewares that add to the context": (registry) =>
    registry
      .use<{ tx: number }>((_context, next) => next({ tx: 1 }))
      .use<{ user: string }>((_context, next) => next({ user: "Ada" })),
  "a middleware that replaces the signal": (registry) =>
    registry.use((_context, next) => next({ signal: new AbortController().signal })),
  "retry() and timeout()": (registry) => {
    const options = { clock: new ManualClock() };
    return registry.use(retry(options)).use(timeout(1_000, options));
  },
};

/** The ways to get at `emit`, which is made when it is taken out of a context. */
const styles: Readonly<Record<string, (context: Context) => Context["emit"]>> = {
  "taken out at the start": ({ emit }) => emit,
  "taken out when it is needed": (context) => (...events) => context.emit(...events),
};

for (const [surrounding, within] of Object.entries(surroundings)) {
  for (const [style, emitOf] of Object.entries(styles)) {
    for (const options of [{}, { signal: new AbortController().signal }]) {
      const signal = "signal" in options ? "with" : "without";
      Deno.test(`emit ${style} works at any time in ${surrounding}, ${signal} a signal`, async () => {
        for (let turns = 0; turns < 5; turns++) {
          const { observer, of } = recorder();
          const done: number[] = [];
          const run = async (context: Context) => {
            const emit = emitOf(context);
            for (let i = 0; i < turns; i++) await Promise.resolve();
            emit(Done(turns));
          };
          const app = bootstrap(
            handlers()
              .add(
                within(handlers())
                  .on(Work, async (_data, context) => {
                    await run(context);
                    return "worked";
                  })
                  .on(Asked, (_data, context) => run(context)),
              )
              .on(Done, (n) => void done.push(n)),
            { observer },
          );
          await app.send(Work(), options);
          await app.dispatch(Asked());
          assert.deepEqual(done, [turns, turns], `After ${turns} turns`);
          assert.deepEqual(of("dropped"), []);
        }
      });
    }
  }
}
