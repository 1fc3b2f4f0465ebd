import assert from "node:assert/strict";
import {
  bootstrap,
  domainEvent,
  EventHandlingError,
  handlers,
  jsonCodec,
  notification,
  type,
} from "../../../mod.ts";
import { saga, SagaFailedError } from "../../../src/saga/mod.ts";
import { faultyStore } from "./faulty_store.ts";
import { inTime, logOf, workshop } from "./support.ts";

const Paid = notification("paid", { topic: "payments", data: type<{ step: string }>() });
const Done = domainEvent("done", type<{ step: string }>());

Deno.test("notifications of a step are stored with its checkpoint, before anything else happens", async () => {
  const { options, storage } = workshop();
  const pending: number[] = [];
  const look = async () => void pending.push((await storage.outbox.statistics()).pending);
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", async (_data, { emit }) => {
      emit(Paid({ step: "a" }));
      emit(Paid({ step: "a" }));
      await look();
    })
    .step("b", look);
  const app = bootstrap(handlers().saga(Order), options);
  await app.send(Order({}));
  assert.deepEqual(pending, [0, 2]);
});

Deno.test("notifications of a compensation are stored with its checkpoint", async () => {
  const { options, storage } = workshop();
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", {
      act: (_data, { emit }) => emit(Paid({ step: "a" })),
      compensate: (_data, { emit }) => emit(Paid({ step: "undo a" })),
    })
    .step("b", () => {
      throw new Error("No");
    });
  const app = bootstrap(handlers().saga(Order), options);
  await assert.rejects(app.send(Order({})), SagaFailedError);
  assert.equal((await storage.outbox.statistics()).pending, 2);
});

Deno.test("a step that throws emits nothing, and one that is tried again emits once", async () => {
  const { options, storage, clock } = workshop();
  const done: string[] = [];
  const Order = saga("order", { version: 1, context: type<object>() }).step("a", {
    act: (_data, { emit, attempt }) => {
      emit(Paid({ step: "a" }));
      emit(Done({ step: `a ${attempt}` }));
      if (attempt < 3) throw new Error("No");
    },
    retry: { backoff: () => 10 },
  });
  const app = bootstrap(
    handlers().saga(Order).on(Done, ({ step }) => void done.push(step)),
    options,
  );
  await inTime(clock, app.send(Order({})));
  assert.equal((await storage.outbox.statistics()).pending, 1);
  assert.deepEqual(done, ["a 3"]);
});

Deno.test("nothing is stored or dispatched of a step whose checkpoint the storage does not take", async () => {
  const { options, storage, clock } = workshop();
  const done: string[] = [];
  const Order = saga("order", { version: 1, context: type<object>() }).step(
    "a",
    (_data, { emit }) => {
      emit(Paid({ step: "a" }));
      emit(Done({ step: "a" }));
    },
  );
  const sagas = faultyStore(storage.sagas, {
    method: "checkpoint",
    from: 1,
    times: Infinity,
    when: "before",
  });
  const app = bootstrap(
    handlers().saga(Order).on(Done, ({ step }) => void done.push(step)),
    { ...options, storage: { outbox: storage.outbox, sagas } },
  );
  await assert.rejects(inTime(clock, app.send(Order({})), 500), /No checkpoint/);
  assert.equal((await storage.outbox.statistics()).pending, 0);
  assert.deepEqual(done, []);
});

Deno.test("domain events of a step are handled exactly once, after its checkpoint and before the next step", async () => {
  const { options } = workshop();
  const seen: string[] = [];
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", (_data, { emit }) => emit(Done({ step: "a" })))
    .step("b", (_data, { emit }) => {
      seen.push("act b");
      emit(Done({ step: "b" }));
    });
  const app = bootstrap(
    handlers().saga(Order).on(Done, async ({ step }, { metadata }) => {
      const log = await logOf(app, "s");
      seen.push(`${step} ${log.includes(`act ${step} completed`)} ${metadata.causationId}`);
    }),
    options,
  );
  await app.send(Order({}, { id: "s" }));
  assert.deepEqual(seen, ["a true s/a", "act b", "b true s/b"]);
});

Deno.test("an event handler that fails reaches the caller, though the saga is completed", async () => {
  const { options } = workshop();
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", (_data, { emit }) => emit(Done({ step: "a" })))
    .step("b", () => {});
  const app = bootstrap(
    handlers().saga(Order).on(Done, () => {
      throw new Error("No");
    }),
    options,
  );
  await assert.rejects(app.send(Order({}, { id: "s" })), EventHandlingError);
  assert.equal((await app.sagas.get("s"))?.status, "completed");
  const names: string[] = [];
  await assert.rejects(async () => {
    for await (const { name } of app.stream(Order({}, { id: "t" }))) names.push(name);
  }, EventHandlingError);
  assert.deepEqual(names, ["a", "b"]);
});

Deno.test("event handlers of several steps that fail reach the caller together", async () => {
  const { options } = workshop();
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", (_data, { emit }) => emit(Done({ step: "a" })))
    .step("b", (_data, { emit }) => emit(Done({ step: "b" })));
  const app = bootstrap(
    handlers().saga(Order).on(Done, ({ step }) => {
      throw new Error(step);
    }),
    options,
  );
  await assert.rejects(app.send(Order({})), (error) => {
    assert.ok(error instanceof AggregateError);
    assert.deepEqual(error.errors.map((one) => one instanceof EventHandlingError), [true, true]);
    return true;
  });
});

Deno.test("a step cannot emit once it has ended", async () => {
  const { options } = workshop();
  let late: (() => void) | undefined;
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", (_data, { emit }) => {
      late = () => emit(Done({ step: "a" }));
    });
  const app = bootstrap(handlers().saga(Order), options);
  await app.send(Order({}));
  assert.throws(() => late?.(), { code: "handler_settled" });
});

Deno.test("a step that has acted, and whose notification cannot be encoded, is undone", async () => {
  const { options } = workshop();
  const undone: string[] = [];
  const codec = { ...jsonCodec(), encode: () => Promise.reject(new Error("Registry away")) };
  const Order = saga("order", { version: 1, context: type<object>() }).step("a", {
    act: (_data, { emit }) => emit(Paid({ step: "a" })),
    compensate: (_data, { outcome }) => void undone.push(outcome),
  });
  const app = bootstrap(handlers().saga(Order), { ...options, codec });
  await assert.rejects(app.send(Order({})), (error: SagaFailedError) => {
    assert.equal(Object(error.cause).code, "message_encode");
    return true;
  });
  assert.deepEqual(undone, ["unknown"]);
});

Deno.test("domain events of a compensation are dispatched once, after its checkpoint", async () => {
  const { options } = workshop();
  const seen: string[] = [];
  const Order = saga("order", { version: 1, context: type<object>() })
    .step("a", {
      act: () => {},
      compensate: (_data, { emit }) => emit(Done({ step: "undo a" })),
    })
    .step("b", () => {
      throw new Error("No");
    });
  const app = bootstrap(
    handlers().saga(Order).on(Done, async ({ step }) => {
      seen.push(step, ...(await logOf(app, "s")).slice(-1));
    }),
    options,
  );
  await assert.rejects(app.send(Order({}, { id: "s" })), SagaFailedError);
  assert.deepEqual(seen, ["undo a", "compensate a completed"]);
});
