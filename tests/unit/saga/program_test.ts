import assert from "node:assert/strict";
import { bootstrap, handlers, type Middleware, retry, timeout, type } from "../../../mod.ts";
import { transactional } from "../../../src/outbox/mod.ts";
import { saga, SagaFailedError } from "../../../src/saga/mod.ts";
import { fail, inTime, workshop } from "./support.ts";

Deno.test("middlewares run around acts and compensations alike, and see what they are", async () => {
  const { options, clock } = workshop();
  const seen: unknown[] = [];
  const watching: Middleware = async ({ message: { kind, type, data, metadata } }, next) => {
    const { id, correlationId, causationId, time } = metadata ?? {};
    seen.push([kind, type, { ...data as object }, id, correlationId, causationId, time?.getTime()]);
    try {
      return await next();
    } finally {
      seen.push("end");
    }
  };
  const Order = saga("order", { version: 1, context: type<{ n: number }>() })
    .step("reserve", { act: () => ({ m: 2 }), compensate: () => {} })
    .step("charge", fail(new Error("No")));
  const app = bootstrap(handlers().use(watching).saga(Order), options);
  await app.send(Order({ n: 1 }, { id: "s", correlationId: "c" })).catch(() => {});
  const now = clock.now();
  assert.deepEqual(seen, [
    ["step", "order/reserve", { n: 1 }, "s/reserve", "c", "s", now],
    "end",
    ["step", "order/charge", { n: 1, m: 2 }, "s/charge", "c", "s", now],
    "end",
    ["step", "order/reserve", { n: 1, m: 2 }, "s/reserve", "c", "s", now],
    "end",
  ]);
});

Deno.test("middlewares of bootstrap are outside of those of the registry, and what comes behind saga() is not around it", async () => {
  const { options } = workshop();
  const seen: string[] = [];
  const named = (name: string): Middleware => (_context, next) => {
    seen.push(name);
    return next();
  };
  const Order = saga("order", { version: 1, context: type<object>() }).step("a", () => {});
  const app = bootstrap(handlers().use(named("registry")).saga(Order).use(named("behind")), {
    ...options,
    middlewares: [named("bootstrap")],
  });
  await app.send(Order({}));
  assert.deepEqual(seen, ["bootstrap", "registry"]);
});

Deno.test("a middleware that answers in place of a step gives the step's result", async () => {
  const { options } = workshop();
  const answering: Middleware = () => Promise.resolve({ answered: true });
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", fail(new Error("Never")));
  const app = bootstrap(handlers().use(answering).saga(Order), options);
  assert.deepEqual((await app.send(Order({}))).context, { answered: true });
});

Deno.test("a middleware that fails makes its step fail", async () => {
  const { options } = workshop();
  const error = new Error("Refused");
  const Order = saga("order", { version: 1, context: type<object>() }).step("a", () => {});
  const app = bootstrap(handlers().use(fail(error)).saga(Order), options);
  await assert.rejects(app.send(Order({})), (thrown: SagaFailedError) => thrown.cause === error);
});

Deno.test("retry() as a middleware tries each side of each step again in the process", async () => {
  const { options } = workshop();
  const calls: string[] = [];
  const flaky = (name: string) => () => {
    calls.push(name);
    if (calls.filter((call) => call === name).length < 3) throw new Error("No");
  };
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", { act: flaky("act"), compensate: flaky("undo") })
    .step("b", fail(new TypeError("No")));
  const when = (error: unknown) => !(error instanceof TypeError);
  const app = bootstrap(handlers().use(retry({ backoff: () => 0, when })).saga(Order), options);
  await assert.rejects(app.send(Order({}, { id: "s" })), SagaFailedError);
  assert.deepEqual(calls, ["act", "act", "act", "undo", "undo", "undo"]);
  assert.equal(
    (await app.sagas.history("s"))?.log.some(({ status }) => status === "retrying"),
    false,
  );
});

Deno.test("timeout() as a middleware makes a step one of which nobody knows", async () => {
  const { options, clock } = workshop();
  const undone: string[] = [];
  const Order = saga("order", { version: 1, context: type<object>() }).step("a", {
    act: () => new Promise<void>(() => {}),
    compensate: (_data, { outcome }) => void undone.push(outcome),
  });
  const app = bootstrap(handlers().use(timeout(1_000, { clock })).saga(Order), options);
  await assert.rejects(inTime(clock, app.send(Order({}))), SagaFailedError);
  assert.deepEqual(undone, ["unknown"]);
});

Deno.test("transactional() around a step commits its writes before the checkpoint, and rolls back those of one that throws", async () => {
  const { options, storage } = workshop();
  const Order = saga("order", { version: 1, context: type<{ fails: boolean }>() })
    .step("write", ({ fails }, context) => {
      const { tx } = context as typeof context & {
        tx: { client: { set(key: string, value: unknown): void } };
      };
      tx.client.set(`row ${fails}`, true);
      if (fails) throw new Error("No");
    });
  const app = bootstrap(handlers().use(transactional(storage)).saga(Order), options);
  await app.send(Order({ fails: false }));
  await assert.rejects(app.send(Order({ fails: true })), SagaFailedError);
  await storage.transaction((tx) => {
    assert.equal(tx.client.get("row false"), true);
    assert.equal(tx.client.get("row true"), undefined);
  });
});

Deno.test("a middleware that checks what it is around is asked about each step as the application is built", () => {
  const { options } = workshop();
  const checked: string[] = [];
  const checking = {
    handle: (_context: object, next: () => Promise<unknown>) => next(),
    stream: (_context: object, next: () => AsyncIterable<unknown>) => next(),
    check: ({ type, kind }: { type: string; kind: string }) => {
      checked.push(`${kind} ${type}`);
      if (type === "order/b") throw new TypeError("Not this one");
    },
  };
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", () => {}).step("b", () => {});
  assert.throws(
    () => bootstrap(handlers().use(checking as unknown as Middleware).saga(Order), options),
    /Not this one/,
  );
  assert.deepEqual([...new Set(checked)], ["step order/a", "step order/b"]);
});

class Service {
  static made = 0;
  readonly number: number = ++Service.made;
}

class Reserve {
  readonly #service: Service;
  static readonly built: number[] = [];

  constructor(service: Service) {
    this.#service = service;
    Reserve.built.push(service.number);
  }

  act(_data: object, { attempt }: { attempt: number }) {
    if (attempt === 1) throw new Error("No");
    return { reservedBy: this.#service.number };
  }

  compensate(_data: object): void {}
}

Deno.test("a step class is built by the container for each attempt, in a scope of its own that is disposed", async () => {
  const { options, clock } = workshop();
  const disposed: number[] = [];
  let scopes = 0;
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", Reserve, { retry: { backoff: () => 10 } })
    .step("b", fail(new Error("No")));
  const container = {
    resolve: () => {
      throw new Error("Outside of a scope");
    },
    createScope() {
      const number = ++scopes;
      const service = new Service();
      return {
        resolve: (token: unknown) => token === Reserve ? new Reserve(service) : service,
        [Symbol.asyncDispose]: () => {
          disposed.push(number);
          return Promise.resolve();
        },
      };
    },
  };
  const app = bootstrap(handlers().saga(Order), { ...options, container: container as never });
  await assert.rejects(inTime(clock, app.send(Order({}, { id: "s" }))), SagaFailedError);
  const built = Reserve.built;
  assert.equal(new Set(built).size, 3); // two attempts, and the compensation
  assert.equal(disposed.length, scopes);
});

Deno.test("steps carry the names of their classes and functions for people, and the id where there is none", () => {
  async function charge() {}
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", Reserve)
    .step("b", charge)
    .step("c", () => {})
    .step("d", { act: () => {} });
  assert.deepEqual(Order.steps.map((step) => step.kind === "act" && step.primary.label), [
    "Reserve",
    "charge",
    "c",
    "d",
  ]);
});

Deno.test("a step that has acted is undone when a middleware around it fails after that", async () => {
  const { options } = workshop();
  const undone: string[] = [];
  const error = new Error("The answer to a commit was lost");
  const failing: Middleware = async (_context, next) => {
    await next();
    throw error;
  };
  const Order = saga("order", { version: 1, context: type<object>() }).step("a", {
    act: () => {},
    compensate: (_data, { outcome }) => {
      undone.push(outcome);
    },
    compensateRetry: { maxAttempts: 1 },
  });
  const app = bootstrap(handlers().use(failing).saga(Order), options);
  await assert.rejects(app.send(Order({})), (thrown: SagaFailedError) => thrown.cause === error);
  assert.deepEqual(undone, ["unknown"]);
});
