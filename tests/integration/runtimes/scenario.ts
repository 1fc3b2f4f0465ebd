/**
 * What the library does on every runtime. Each runtime loads this file in its
 * own way, so it imports entry points by their paths and nothing else.
 *
 * @module
 */

import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  HandlerSettledError,
  memoryBroker,
  notification,
  query,
  streamRequest,
  type,
  withTimeout,
} from "../../../mod.ts";
import { saga, sagaRecovery } from "../../../src/saga/mod.ts";
import { memoryStorage } from "../../../src/storage/memory/mod.ts";
import { parseSse, sseStream } from "../../../src/stream/mod.ts";

const Join = command("meeting.join", type<{ userId: string }>());
const Members = query("meeting.members").returns<string[]>();
const Wait = command("meeting.wait");
const Count = streamRequest("numbers.count", type<{ to: number }>()).yields<number>();
const Joined = domainEvent("meeting.joined", type<{ userId: string }>());
const Left = domainEvent("numbers.left", type<{ at: number }>());
const UserJoined = notification("user.joined", {
  topic: "users",
  data: type<{ userId: string }>(),
  key: ({ userId }) => userId,
});

/** An application with a saga that turns back when it costs too much. */
function createShop() {
  const undone: string[] = [];
  const Order = saga("order", { version: 1, context: type<{ euros: number }>() })
    .step("reserve", {
      act: ({ euros }, { idempotencyKey }) => ({ reserved: `${idempotencyKey} for ${euros}` }),
      compensate: ({ reserved }) => void undone.push(`${reserved}`),
    })
    .step("charge", ({ euros }) => {
      if (euros > 100) throw new RangeError("Too expensive");
    });
  const app = bootstrap(handlers().saga(Order), { storage: memoryStorage() });
  return { app, Order, undone };
}

/** An application that writes down what happens in it. */
function createApp() {
  const broker = memoryBroker();
  const notes: string[] = [];
  const registry = handlers()
    .on(Join, ({ userId }, { emit }) => {
      emit(Joined({ userId }), UserJoined({ userId }));
    })
    .on(Members, () => ["u1"])
    .on(
      Wait,
      withTimeout((_data, { signal, emit }) =>
        new Promise<void>((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            try {
              emit(Joined({ userId: "late" }));
            } catch (error) {
              if (error instanceof HandlerSettledError) notes.push("refused");
            }
            reject(signal.reason);
          });
        }), 1),
    )
    .on(Count, async function* ({ to }, { emit }) {
      let at = 0;
      try {
        while (at < to) yield ++at;
      } finally {
        emit(Left({ at }));
      }
    })
    .on(Joined, ({ userId }) => void notes.push(`joined ${userId}`))
    .on(Left, ({ at }) => void notes.push(`left at ${at}`));
  return { app: bootstrap(registry, { broker }), broker, notes };
}

/** Everything that must hold: what it is, and a function that gives the same text twice. */
const claims: Readonly<
  Record<string, () => Promise<readonly [actual: unknown, expected: unknown]>>
> = {
  async "a saga runs to its end"() {
    const { app, Order } = createShop();
    const { context } = await app.send(Order({ euros: 5 }, { id: "o1" }));
    return [context, { euros: 5, reserved: "o1/reserve for 5" }];
  },
  async "a saga turns back"() {
    const { app, Order, undone } = createShop();
    const statuses: string[] = [];
    try {
      for await (const { status } of app.stream(Order({ euros: 500 }, { id: "o2" }))) {
        statuses.push(status);
      }
    } catch (error) {
      statuses.push(error instanceof Error ? error.name : "");
    }
    return [[...statuses, ...undone], [
      "completed",
      "failed",
      "compensated",
      "SagaFailedError",
      "o2/reserve for 500",
    ]];
  },
  async "a saga that was left is recovered"() {
    const { app, Order } = createShop();
    for await (const _step of app.stream(Order({ euros: 5 }, { id: "o3" }))) break;
    const { completed } = await sagaRecovery(app).tick({ budgetMs: 1_000 });
    return [[completed, (await app.sagas.get("o3"))?.status], [1, "completed"]];
  },
  async "send() resolves to the result of a query"() {
    const { app } = createApp();
    return [await app.send(Members()), ["u1"]];
  },
  async "send() handles the events of a command and publishes its notifications"() {
    const { app, broker, notes } = createApp();
    await app.send(Join({ userId: "u1" }));
    const published = broker.messages("users").map(({ type, key }) => ({ type, key }));
    return [[notes, published], [["joined u1"], [{ type: "user.joined", key: "u1" }]]];
  },
  async "send() gives up after a time limit and refuses late events"() {
    const { app, notes } = createApp();
    const name = await app.send(Wait()).catch((error) => error.name);
    return [[name, notes], ["TimeoutError", ["refused"]]];
  },
  async "stream() gives every item and then the events of its end"() {
    const { app, notes } = createApp();
    const items = [];
    for await (const item of app.stream(Count({ to: 3 }))) items.push(item);
    return [[items, notes], [[1, 2, 3], ["left at 3"]]];
  },
  async "stream() runs the handler's finally when its reader leaves"() {
    const { app, notes } = createApp();
    for await (const item of app.stream(Count({ to: 1_000 }))) if (item === 2) break;
    return [notes, ["left at 2"]];
  },
  async "toReadableStream() leaves the handler when it is cancelled"() {
    const { app, notes } = createApp();
    const reader = app.stream(Count({ to: 1_000 })).toReadableStream().getReader();
    const { value } = await reader.read();
    await reader.cancel();
    return [[value, notes], [1, ["left at 1"]]];
  },
  async "sseStream() and parseSse() carry a stream over bytes"() {
    const { app } = createApp();
    async function* events() {
      for await (const item of app.stream(Count({ to: 3 }))) yield { data: String(item) };
    }
    const received = [];
    for await (const message of parseSse(sseStream(events()))) received.push(message.data);
    return [received, ["1", "2", "3"]];
  },
};

/** Tries every claim and returns how many there are; throws at the first that does not hold. */
export async function scenario(): Promise<number> {
  for (const [claim, run] of Object.entries(claims)) {
    const [actual, expected] = (await run()).map((value) => JSON.stringify(value));
    if (actual !== expected) throw new Error(`${claim}: ${actual} instead of ${expected}`);
  }
  return Object.keys(claims).length;
}
