import assert from "node:assert/strict";
import {
  bootstrap,
  chain,
  command,
  type Context,
  domainEvent,
  fallback,
  handlers,
  type MessageOf,
  type Middleware,
  notification,
  type Registry,
  retry,
  timeout,
  token,
  type,
  withRetry,
  withTimeout,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";
import { transactional } from "../../../src/outbox/transactional.ts";
import type { MemoryTransaction } from "../../../src/storage/memory/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { countingSignal } from "../resilience/counting_signal.ts";
import { lateCodec, recorder } from "../mediator/support.ts";
import { type Ledger, ledger } from "./ledger.ts";

const Work = command("work").returns<string>();
const Bound = command("bound");
const Unbound = command("unbound");
const Done = domainEvent("done", type<number>());
const Told = notification("told", { topic: "news", data: type<number>() });
const Service = token<object>("service");
const reason = new Error("The caller has left");
const hiccup = new Error("Hiccup");

type WorkMessage = MessageOf<typeof Work>;
type Tx = { readonly tx: MemoryTransaction };
type Run = (data: unknown, context: Context & Tx) => Promise<string>;
type Bind = (run: Run, storage: Ledger) => Registry<WorkMessage, Context & Tx>;

const passOn = (): Middleware => (_context, next) => next();
const goOn = (): Middleware => async (_context, next) => {
  const result = await next();
  for (let i = 0; i < 5; i++) await Promise.resolve();
  return result;
};
const again = (): Middleware => (_context, next) => next().catch(() => next());
const standing = () => ({ clock: new ManualClock() });
const soon = { backoff: () => 0, clock: { now: () => 0, setTimer: turnLater } };

/** A timer that fires in the next turn, so that what waits for it can be counted in turns. */
function turnLater(callback: () => void): () => void {
  let isSet = true;
  queueMicrotask(() => isSet && callback());
  return () => void (isSet = false);
}

/** The ways to bind a handler that fails in its first run where `fails` says so. */
const settings: Readonly<Record<string, { fails: boolean; bind: Bind }>> = {
  "a transaction": {
    fails: false,
    bind: (run, storage) => handlers().use(transactional(storage)).on(Work, run),
  },
  "a transaction with its events inside": {
    fails: false,
    bind: (run, storage) =>
      handlers().use(transactional(storage, { domainEvents: "inside" })).on(Work, run),
  },
  "a transaction between middlewares": {
    fails: false,
    bind: (run, storage) =>
      handlers().use(passOn()).use(transactional(storage)).use(passOn()).on(Work, run),
  },
  "a transaction within a middleware that goes on": {
    fails: false,
    bind: (run, storage) => handlers().use(goOn()).use(transactional(storage)).on(Work, run),
  },
  "a transaction around a middleware that goes on": {
    fails: false,
    bind: (run, storage) => handlers().use(transactional(storage)).use(goOn()).on(Work, run),
  },
  "a transaction within a middleware that replaces the signal": {
    fails: false,
    bind: (run, storage) =>
      handlers().use((_context, next) => next({ signal: new AbortController().signal }))
        .use(transactional(storage)).on(Work, run),
  },
  "a transaction within timeout()": {
    fails: false,
    bind: (run, storage) =>
      handlers().use(timeout(1_000, standing())).use(transactional(storage)).on(Work, run),
  },
  "a transaction around timeout() and withTimeout()": {
    fails: false,
    bind: (run, storage) =>
      handlers().use(transactional(storage)).use(timeout(1_000, standing()))
        .on(Work, withTimeout(run, 1_000, standing())),
  },
  "a transaction within retry()": {
    fails: true,
    bind: (run, storage) => handlers().use(retry(soon)).use(transactional(storage)).on(Work, run),
  },
  "a transaction around retry()": {
    fails: true,
    bind: (run, storage) => handlers().use(transactional(storage)).use(retry(soon)).on(Work, run),
  },
  "a transaction within a middleware that tries again": {
    fails: true,
    bind: (run, storage) => handlers().use(again()).use(transactional(storage)).on(Work, run),
  },
  "a transaction around a middleware that tries again": {
    fails: true,
    bind: (run, storage) => handlers().use(transactional(storage)).use(again()).on(Work, run),
  },
  "a transaction around withRetry()": {
    fails: true,
    bind: (run, storage) => handlers().use(transactional(storage)).on(Work, withRetry(run, soon)),
  },
  "a transaction around a fallback": {
    fails: true,
    bind: (run, storage) => handlers().use(transactional(storage)).on(Work, fallback(run, run)),
  },
  "a transaction around a chain": {
    fails: true,
    bind: (run, storage) =>
      handlers().use(transactional(storage)).on(
        Work,
        chain((_data, { next }) => next().catch(() => next()), { otherwise: run }),
      ),
  },
};

/** An app whose handler writes, emits, sends and resolves in a transaction, and the count of what it does. */
function busyApp(bind: Bind, fails: boolean, isLate: boolean) {
  const storage = ledger();
  const count = { runs: 0, begun: 0, ended: 0, emitted: 0, events: 0, opened: 0, disposed: 0 };
  const services = container().provide(Service, () => {
    count.opened++;
    return {};
  }, { lifetime: "scoped", dispose: () => void count.disposed++ });
  const { observer, of } = recorder();
  const tell = ({ emit }: Pick<Context, "emit">, n: number) => {
    emit(Done(n));
    count.emitted++;
    emit(Told(n));
    count.emitted++;
  };
  const app = bootstrap(
    handlers()
      .add(bind(async (_data, context) => {
        const { tx, send, resolve } = context;
        const run = ++count.runs;
        count.begun++;
        try {
          tx.client.set("runs", run);
          tell(context, run);
          await resolve(Service);
          await send(Bound());
          await send(Unbound());
          tell(context, run);
          if (fails && run === 1) throw hiccup;
          return "worked";
        } finally {
          count.ended++;
        }
      }, storage))
      .on(Done, async (_n, { resolve }) => {
        count.events++;
        try {
          await resolve(Service);
        } finally {
          count.events--;
        }
      })
      .on(Unbound, async (_data, context) => {
        await Promise.resolve();
        context.signal.throwIfAborted();
        tell(context, 0);
      })
      .use(transactional(storage))
      .on(Bound, async (_data, context) => {
        tell(context, 0);
        await Promise.resolve();
      }),
    { container: services, observer, ...(isLate && { codec: lateCodec }) },
  );
  const dispatched = () => of("dispatched").filter(({ message }) => message.type === "done");
  const dropped = () => of("dropped").flatMap(({ messages }) => messages);
  return { app, storage, count, dispatched, dropped, stored: () => of("stored") };
}

for (const [setting, { fails, bind }] of Object.entries(settings)) {
  for (const isLate of [false, true]) {
    const codec = isLate ? ", with an asynchronous codec," : "";
    Deno.test(`aborting at every point of ${setting}${codec} commits all or nothing, and leaks and loses nothing`, async () => {
      const outcomes = new Set<unknown>();
      let isComplete = false;
      for (let k = 0; !isComplete; k++) {
        assert.ok(k < 5_000, "The call does not come to its end");
        const { app, storage, count, dispatched, dropped, stored } = busyApp(bind, fails, isLate);
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
        // A transaction that nobody waits for ends by itself.
        for (let turn = 0; turn < 300; turn++) await Promise.resolve();
        outcomes.add(outcome);
        assert.ok(outcome === "worked" || outcome === reason, `Turn ${k}: ${outcome}`);
        const { begun, ended, emitted, events, opened, disposed } = count;
        assert.equal(ended, begun, `Turn ${k}: a handler has not ended`);
        assert.equal(events, 0, `Turn ${k}: an event is still handled`);
        assert.equal(disposed, opened, `Turn ${k}: a service is not disposed`);
        // The wait of a retry leaves it to the signal to remove a listener that has been called.
        if (!/retry/i.test(setting)) assert.equal(listeners(), 0, `Turn ${k}: a listener is left`);
        const open = storage.log.filter((line) => line.startsWith("begin")).length -
          storage.log.filter((line) => /^(commit|rollback) /.test(line)).length;
        assert.equal(open, 0, `Turn ${k}: a transaction is open`);

        const hasCommitted = await storage.valueOf("runs") !== undefined;
        const outboxed = (await storage.outboxed()).length;
        assert.equal(hasCommitted, outcome === "worked", `Turn ${k}: committed or not`);
        assert.equal(outboxed, hasCommitted ? 4 : 0, `Turn ${k}: ${outboxed} of 4 are stored`);
        assert.equal(stored().length, outboxed, `Turn ${k}: what is stored is not what is told`);
        const handled = dispatched().length;
        if (hasCommitted) assert.equal(handled, 4, `Turn ${k}: ${handled} of 4 are handled`);
        else if (!setting.includes("inside")) assert.equal(handled, 0, `Turn ${k}: handled`);
        const told = outboxed + handled + dropped().length;
        // Before a commit, an abort may come between an event's being handled and its end.
        assert.equal(told, emitted, `Turn ${k}: an event is lost without a word`);
      }
      assert.equal(outcomes.size, 2);
    });
  }
}
