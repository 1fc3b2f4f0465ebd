import assert from "node:assert/strict";
import {
  bootstrap,
  chain,
  command,
  type Context,
  domainEvent,
  fallback,
  type HandlerFunction,
  handlers,
  memoryBroker,
  type MessageOf,
  type Middleware,
  notification,
  type Registry,
  timeout,
  token,
  type,
  withTimeout,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { countingSignal } from "../resilience/counting_signal.ts";
import { recorder } from "./support.ts";

const Work = command("work").returns<string>();
const Note = command("note");
const Done = domainEvent("done", type<number>());
const Told = notification("told", { topic: "news", data: type<number>() });
const Service = token<object>("service");
const reason = new Error("The caller has left");
const hiccup = new Error("Hiccup");

type WorkMessage = MessageOf<typeof Work>;
type Run = HandlerFunction<WorkMessage, Context>;

const passOn = (): Middleware => (_context, next) => next();
/** A time limit that does not pass. */
const standing = () => ({ clock: new ManualClock() });

/** The ways to bind a handler that fails in its first run where `fails` says so. */
const settings: Readonly<
  Record<string, { fails: boolean; bind(run: Run): Registry<WorkMessage, Context> }>
> = {
  "a bare handler": { fails: false, bind: (run) => handlers().on(Work, run) },
  "a handler within middlewares": {
    fails: false,
    bind: (run) => handlers().use(passOn()).use(passOn()).on(Work, run),
  },
  "a handler within a middleware that goes on": {
    fails: false,
    bind: (run) =>
      handlers().use(async (_context, next) => {
        const result = await next();
        for (let i = 0; i < 5; i++) await Promise.resolve();
        return result;
      }).on(Work, run),
  },
  "a handler within timeout()": {
    fails: false,
    bind: (run) => handlers().use(timeout(1_000, standing())).on(Work, run),
  },
  "a handler in withTimeout()": {
    fails: false,
    bind: (run) => handlers().on(Work, withTimeout(run, 1_000, standing())),
  },
  "a handler within a middleware that tries again": {
    fails: true,
    bind: (run) => handlers().use((_context, next) => next().catch(() => next())).on(Work, run),
  },
  "a fallback": { fails: true, bind: (run) => handlers().on(Work, fallback(run, run)) },
  "a chain": {
    fails: true,
    bind: (run) =>
      handlers().on(
        Work,
        chain((_data, { next }) => next().catch(() => next()), { otherwise: run }),
      ),
  },
};

/** An app whose handler emits, sends and resolves, and the count of what it does. */
function busyApp(bind: (run: Run) => Registry<WorkMessage, Context>, fails: boolean) {
  const count = {
    runs: 0,
    begun: 0,
    ended: 0,
    emitted: 0,
    events: 0,
    notes: 0,
    opened: 0,
    disposed: 0,
  };
  const services = container().provide(Service, () => {
    count.opened++;
    return {};
  }, { lifetime: "scoped", dispose: () => void count.disposed++ });
  const { observer, of } = recorder();
  const app = bootstrap(
    bind(async (_data, { emit, send, resolve }) => {
      const run = ++count.runs;
      const tell = (n: number) => {
        emit(Done(n));
        count.emitted++;
        emit(Told(n));
        count.emitted++;
      };
      count.begun++;
      try {
        tell(run);
        await resolve(Service);
        await send(Note());
        tell(run);
        if (fails && run === 1) throw hiccup;
        return "worked";
      } finally {
        count.ended++;
      }
    }).add(
      handlers()
        .on(Done, async (_n, { resolve, send }) => {
          count.events++;
          try {
            await resolve(Service);
            await send(Note());
          } finally {
            count.events--;
          }
        })
        .on(Note, async (_data, { signal }) => {
          count.notes++;
          try {
            await Promise.resolve();
            signal.throwIfAborted();
            await Promise.resolve();
          } finally {
            count.notes--;
          }
        }),
    ),
    { container: services, observer, broker: memoryBroker() },
  );
  const dispatched = () =>
    of("dispatched").filter(({ message }) => message.type === "done").length +
    of("published").length;
  const dropped = () => of("dropped").flatMap(({ messages }) => messages).length;
  const failed = () => of("failed").filter(({ message }) => message.type === "done");
  return { app, count, dispatched, dropped, failed };
}

for (const [setting, { fails, bind }] of Object.entries(settings)) {
  Deno.test(`aborting at every point of ${setting} lets its events out all or none, and leaks and loses nothing`, async () => {
    let isComplete = false;
    for (let k = 0; !isComplete; k++) {
      assert.ok(k < 5_000, "The call does not come to its end");
      const { app, count, dispatched, dropped, failed } = busyApp(bind, fails);
      const caller = new AbortController();
      const { signal, listeners } = countingSignal(caller.signal);
      let outcome: unknown;
      const sent = app.send(Work(), { signal }).then(
        (result) => outcome = result,
        (error) => outcome = error,
      );
      for (let turn = 0; turn < k; turn++) await Promise.resolve();
      isComplete = outcome !== undefined;
      caller.abort(reason);
      await sent;
      await app[Symbol.asyncDispose]();
      assert.ok(outcome === "worked" || outcome === reason, `Turn ${k}: ${outcome}`);
      const { begun, ended, emitted, events, notes, opened, disposed } = count;
      assert.equal(ended, begun, `Turn ${k}: a handler has not ended`);
      assert.equal(events, 0, `Turn ${k}: an event is still handled`);
      assert.equal(notes, 0, `Turn ${k}: a nested send is under way`);
      assert.equal(disposed, opened, `Turn ${k}: a service is not disposed`);
      assert.equal(listeners(), 0, `Turn ${k}: a listener is left`);
      assert.equal(dispatched() + dropped(), emitted, `Turn ${k}: an event is lost without a word`);
      assert.ok([0, 4].includes(dispatched()), `Turn ${k}: ${dispatched()} of 4 came out`);
      if (outcome === "worked") assert.equal(dispatched(), 4, `Turn ${k}: no event came out`);
      assert.deepEqual(failed(), [], `Turn ${k}: an event could not be handled`);
    }
  });
}
