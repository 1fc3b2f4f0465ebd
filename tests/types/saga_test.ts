import {
  bootstrap,
  circuitBreaker,
  handlers,
  type ItemOf,
  type ResultOf,
  type,
} from "@sluice/cqrs";
import {
  saga,
  type SagaFailedError,
  type Step,
  type StepContext,
  stepFallback,
} from "@sluice/cqrs/saga";
import { memoryStorage } from "@sluice/cqrs/storage";
import { z } from "zod";
import { compiled, type Equals, expectType } from "./equals.ts";

class Ship {
  act({ orderId }: Readonly<{ orderId: string }>) {
    return { parcel: orderId };
  }
  compensate(_context: Readonly<{ orderId: string; parcel?: string }>) {}
}

const Order = saga("order", { version: 1, context: type<{ orderId: string; n: number }>() })
  .step("reserve", {
    act: ({ orderId }, { idempotencyKey }) => ({ reservation: orderId + idempotencyKey }),
    compensate: ({ reservation, n }, { outcome }) => {
      expectType<Equals<typeof reservation, string | undefined>>();
      expectType<Equals<typeof n, number>>();
      expectType<Equals<typeof outcome, "completed" | "unknown">>();
    },
    retry: { maxAttempts: 5 },
    timeoutMs: 10,
  })
  .step("rename", async ({ reservation }) => {
    expectType<Equals<typeof reservation, string>>();
    return await Promise.resolve({ n: "text" });
  })
  .step("ship", Ship, { timeoutMs: 5 })
  .step(
    "notify",
    stepFallback(
      {
        act: ({ n, parcel }) => ({ length: n.length + parcel.length }),
        compensate: ({ length }) => expectType<Equals<typeof length, number | undefined>>(),
      },
      { act: ({ n }) => ({ length: n.length }) },
      { circuitBreaker: circuitBreaker({ name: "mail" }) },
    ),
  )
  .step("close", { act: () => {} });

const app = bootstrap(handlers().saga(Order), { storage: memoryStorage() });
const start = () => Order({ orderId: "1", n: 2 }, { id: "x" });

Deno.test("send() of a saga gives its report, with what all steps have added to the context", () => {
  compiled(async () => {
    const report = await app.send(start());
    expectType<Equals<typeof report.status, "completed">>();
    type Context = {
      orderId: string;
      reservation: string;
      n: string;
      parcel: string;
      length: number;
    };
    expectType<Equals<typeof report.context, Context>>();
  });
});

Deno.test("stream() of a saga gives items that are told apart by their step and status", () => {
  compiled(async () => {
    for await (const item of app.stream(start())) {
      if (item.name === "reserve" && item.status === "completed") {
        expectType<Equals<typeof item.result, { reservation: string }>>();
      }
      if (item.name === "close" && item.status === "completed") {
        expectType<Equals<typeof item.result, void>>();
      }
      if (item.status === "failed") expectType<Equals<typeof item.error, string>>();
      // @ts-expect-error There is no such step.
      if (item.name === "nope") break;
      // @ts-expect-error Only what has failed has an error.
      void item.error;
    }
  });
});

Deno.test("follow() of a saga gives the same items as stream()", () => {
  compiled(async () => {
    for await (const item of app.sagas.follow(Order, "x")) {
      expectType<Equals<typeof item, ItemOf<ReturnType<typeof start>>>>();
    }
  });
});

Deno.test("start() takes a saga", () => {
  compiled(async () => {
    const { isNew } = await app.sagas.start(start());
    expectType<Equals<typeof isNew, boolean>>();
  });
});

Deno.test("a saga's start takes its context and nothing else", () => {
  compiled(() => {
    // @ts-expect-error The number is missing.
    Order({ orderId: "1" });
    // @ts-expect-error The number is a text.
    Order({ orderId: "1", n: "2" });
  });
});

Deno.test("a step with an id that there is already does not compile", () => {
  compiled(() => {
    // @ts-expect-error Twice.
    Order.step("reserve", { act: () => {} });
    // @ts-expect-error Twice.
    Order.waitFor("reserve");
  });
});

Deno.test("a step that needs another context does not compile, as an object, a function or a class", () => {
  compiled(() => {
    // @ts-expect-error The context has no such thing.
    Order.step("f", (context: { missing: boolean }) => void context);
    // @ts-expect-error The context has no such thing.
    Order.step("f", { act: (context: { missing: boolean }) => void context });
    Order.step(
      "f",
      // @ts-expect-error The context has no such thing.
      class {
        act(context: { missing: boolean }) {
          void context;
        }
      },
    );
    // @ts-expect-error It is a text since the second step.
    Order.step("f", (context: { n: number }) => void context);
  });
});

Deno.test("a result that is not the same after JSON, or is no object, does not compile", () => {
  compiled(() => {
    // @ts-expect-error A date comes back as a text.
    Order.step("f", () => ({ at: new Date() }));
    // @ts-expect-error A text cannot be added to the context.
    Order.step("f", () => "text");
    // @ts-expect-error JSON cannot carry it.
    Order.step("f", () => ({ big: 1n }));
  });
});

Deno.test("a context that is not the same after JSON does not compile", () => {
  compiled(() => {
    // @ts-expect-error A date comes back as a text.
    saga("x", { version: 1, context: type<{ at: Date }>() });
  });
});

Deno.test("both parts of a fallback have to add the same", () => {
  compiled(() => {
    // @ts-expect-error The secondary adds a text.
    Order.step("f", stepFallback(() => ({ a: 1 }), () => ({ a: "1" })));
  });
});

Deno.test("a compensation cannot count on what its act returns", () => {
  compiled(() => {
    Order.step("f", {
      act: () => ({ added: 1 }),
      // @ts-expect-error It may be missing.
      compensate: ({ added }) => added.toFixed(),
    });
  });
});

Deno.test("a step cannot change the context it is given", () => {
  compiled(() => {
    Order.step("f", (context) => {
      // @ts-expect-error Only what it returns counts.
      context.n = "other";
    });
  });
});

Deno.test("a step is written outside of its saga with its types", () => {
  compiled(() => {
    const charge: Step<{ n: string }, { receipt: string }> = {
      act: ({ n }, { sagaId }: StepContext) => ({ receipt: n + sagaId }),
      compensate: ({ receipt }) => void receipt?.length,
    };
    const Charged = Order.step("charge", charge);
    type Items = ItemOf<ReturnType<typeof Charged>>;
    type Result = Extract<Items, { name: "charge"; status: "completed" }>["result"];
    expectType<Equals<Result, { receipt: string }>>();
  });
});

const Paid = saga("paid", { version: 1, context: type<{ a: 1 }>() })
  .waitFor("payment", { signal: "paid", data: z.object({ euros: z.string().transform(Number) }) })
  .step("close", ({ euros }) => expectType<Equals<typeof euros, number>>());
const paying = bootstrap(handlers().saga(Paid), { storage: memoryStorage() });

Deno.test("send() of a saga that waits gives a report of that, or of its end", () => {
  compiled(async () => {
    const report = await paying.send(Paid({ a: 1 }));
    if (report.status === "completed") {
      expectType<Equals<typeof report.context, { a: 1; euros: number }>>();
    } else {
      expectType<Equals<typeof report.status, "waiting">>();
      // @ts-expect-error It may not be there yet.
      report.context.euros.toFixed();
    }
    expectType<Equals<typeof report, ResultOf<ReturnType<typeof Paid>>>>();
  });
});

Deno.test("a wait without data adds nothing", () => {
  compiled(() => {
    const Bare = saga("bare", { version: 1, context: type<{ a: 1 }>() }).waitFor("go");
    type Result = Extract<ItemOf<ReturnType<typeof Bare>>, { status: "completed" }>["result"];
    expectType<Equals<Result, void>>();
    Bare.step("next", (context) => expectType<Equals<typeof context, Readonly<{ a: 1 }>>>());
  });
});

Deno.test("what an application does not bind it cannot send", () => {
  compiled(() => {
    // @ts-expect-error It is not bound.
    paying.send(start());
    // @ts-expect-error It is not bound.
    paying.stream(start());
  });
});

Deno.test("a saga bound twice, or by on(), does not compile", () => {
  compiled(() => {
    // @ts-expect-error Twice.
    handlers().saga(Paid).saga(Paid);
    // @ts-expect-error Its steps are its handlers.
    handlers().on(Paid, () => {});
    // @ts-expect-error A saga is no message of another kind.
    handlers().saga(type<string>());
  });
});

Deno.test("a saga that was not completed says how it ended: compensated and failed are told apart", () => {
  expectType<
    Equals<
      SagaFailedError["outcome"]["status"],
      "running" | "waiting" | "compensating" | "compensated" | "failed"
    >
  >();
});
