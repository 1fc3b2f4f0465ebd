import assert from "node:assert/strict";
import {
  bootstrap,
  circuitBreaker,
  command,
  type Context,
  domainEvent,
  fallback,
  type HandlerFunction,
  handlers,
  type ItemStream,
  type MessageOf,
  type Middleware,
  type Registry,
  retry,
  streamRequest,
  timeout,
  token,
  type,
  withRetry,
  withTimeout,
} from "../../../mod.ts";
import { container } from "../../../src/container/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";
import { countingSignal } from "../resilience/counting_signal.ts";
import { recorder } from "./support.ts";

const Count = streamRequest("count", type<number>()).yields<number>();
const Counted = domainEvent("counted", type<number>());
const Note = command("note", type<number>());
const Service = token<object>("service");
const reason = new Error("The caller has left");

type CountMessage = MessageOf<typeof Count>;
type Run = HandlerFunction<CountMessage, Context>;
type Bind = (run: Run) => Registry<CountMessage, Context>;

/** An app whose stream emits, sends and resolves at every step, and the count of what it does. */
function busyApp(bind: Bind) {
  const count = { begun: 0, ended: 0, emitted: 0, events: 0, notes: 0, opened: 0, disposed: 0 };
  const services = container().provide(Service, () => {
    count.opened++;
    return {};
  }, { lifetime: "scoped", dispose: () => void count.disposed++ });
  const { observer, of } = recorder();
  const app = bootstrap(
    bind(async function* (n, { emit, send, resolve }) {
      const tell = (i: number) => {
        emit(Counted(i));
        count.emitted++;
      };
      count.begun++;
      try {
        for (let i = 0; i < n; i++) {
          tell(i);
          await resolve(Service);
          await send(Note(i));
          yield i;
        }
      } finally {
        await Promise.resolve();
        count.ended++;
        tell(-1);
      }
    }).add(
      handlers()
        .on(Counted, async (n, { send, resolve }) => {
          count.events++;
          try {
            await resolve(Service);
            await send(Note(n));
          } finally {
            count.events--;
          }
        })
        .on(Note, async (_n, { signal }) => {
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
    { container: services, observer },
  );
  /** How many events were dispatched or are known to have been dropped. */
  const accountedFor = () =>
    of("dispatched").filter(({ message }) => message.type === "counted").length +
    of("dropped").flatMap(({ messages }) => messages).length;
  const failedEvents = () => of("failed").filter(({ message }) => message.type === "counted");
  return { app, count, accountedFor, failedEvents };
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

/** Reads until the stream ends, or is aborted. */
async function readAll(stream: ItemStream<number>): Promise<void> {
  try {
    while (!(await stream.next()).done);
  } catch (error) {
    assert.equal(error, reason);
  }
}

const passOn = (): Middleware => (_context, next) => next();

/** A time limit that does not pass. */
const standing = () => ({ clock: new ManualClock() });

const settings: Readonly<Record<string, Bind>> = {
  "a bare stream": (run) => handlers().on(Count, run),
  "a stream within middlewares": (run) => handlers().use(passOn()).use(passOn()).on(Count, run),
  "a stream within retry() and timeout()": (run) =>
    handlers().use(retry(standing())).use(timeout(1_000, standing())).on(Count, run),
  "a stream in withRetry() and withTimeout()": (run) =>
    handlers().on(Count, withRetry(withTimeout(run, 1_000, standing()), standing())),
  "a fallback with a circuit breaker": (run) =>
    handlers().on(
      Count,
      fallback(run, () => assert.fail("fell back"), {
        circuitBreaker: circuitBreaker({ name: "count", ...standing() }),
      }),
    ),
};

const departures: Readonly<
  Record<string, (stream: ItemStream<number>, caller: AbortController) => unknown>
> = {
  leaving: (stream) => stream.return(),
  aborting: (_stream, caller) => caller.abort(reason),
};

for (const [setting, bind] of Object.entries(settings)) {
  for (const [departure, leave] of Object.entries(departures)) {
    Deno.test(`${departure} at every point of ${setting}, with events and nested sends, leaks and loses nothing`, async () => {
      let isComplete = false;
      for (let k = 0; !isComplete; k++) {
        assert.ok(k < 5_000, "The stream does not come to its end");
        const { app, count, accountedFor, failedEvents } = busyApp(bind);
        const caller = new AbortController();
        const { signal, listeners } = countingSignal(caller.signal);
        const stream = app.stream(Count(3), { signal });
        let isRead = false;
        const reading = readAll(stream).then(() => {
          isRead = true;
        });
        await turns(k);
        isComplete = isRead;
        await leave(stream, caller);
        if (departure === "leaving") {
          assert.equal(count.events, 0, `Turn ${k}: left while an event is handled`);
        }
        await reading;
        await app[Symbol.asyncDispose]();
        const { begun, ended, emitted, events, notes, opened, disposed } = count;
        assert.equal(ended, begun, `Turn ${k}: a handler has not ended`);
        assert.equal(events, 0, `Turn ${k}: an event is still handled`);
        assert.equal(notes, 0, `Turn ${k}: a nested send is under way`);
        assert.equal(disposed, opened, `Turn ${k}: a service is not disposed`);
        assert.equal(listeners(), 0, `Turn ${k}: a listener is left`);
        assert.equal(accountedFor(), emitted, `Turn ${k}: an event is lost without a word`);
        assert.deepEqual(failedEvents(), [], `Turn ${k}: an event could not be handled`);
      }
    });
  }
}
