import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  type Middleware,
  query,
  type,
} from "../../../mod.ts";

const Do = command("do");
const Ask = query("ask").returns<string>();
const Done = domainEvent("done");

function tracer(name: string, log: string[]): Middleware {
  return (_context, next) => {
    log.push(name);
    return next();
  };
}

Deno.test("on() leaves the registry that it extends as it was", async () => {
  const empty = handlers();
  const one = empty.on(Do, () => {});
  one.on(Ask, () => "answer");
  assert.equal(empty.steps.length, 0);
  const app = bootstrap(one);
  // @ts-expect-error The registry does not handle queries.
  await assert.rejects(app.send(Ask()), { code: "handler_not_found" });
});

Deno.test("on() adds to the handlers of an event that were bound before", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Done, () => void log.push("first"), () => void log.push("second"))
      .on(Done, () => void log.push("third")),
  );
  await app.dispatch(Done());
  assert.deepEqual(log, ["first", "second", "third"]);
});

Deno.test("one function may handle several messages", async () => {
  const log: string[] = [];
  const handle = (_data: unknown, { message }: { message: { type: string } }) =>
    void log.push(message.type);
  const app = bootstrap(handlers().on(Do, handle).on(Done, handle));
  await app.send(Do());
  await app.dispatch(Done());
  assert.deepEqual(log, ["do", "done"]);
});

Deno.test("use() wraps what is bound or added after it, and nothing before", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers()
      .on(Do, () => {})
      .use(tracer("traced", log))
      .on(Ask, () => "answer")
      .add(handlers().on(Done, () => {})),
  );
  await app.send(Do());
  assert.deepEqual(log, []);
  await app.send(Ask());
  await app.dispatch(Done());
  assert.deepEqual(log, ["traced", "traced"]);
});

Deno.test("add() puts the middlewares of the adding registry around those of the added one", async () => {
  const log: string[] = [];
  const added = handlers().use(tracer("inner", log)).on(Do, () => {});
  const app = bootstrap(handlers().use(tracer("outer", log)).add(added));
  await app.send(Do());
  assert.deepEqual(log, ["outer", "inner"]);
});

Deno.test("the middlewares of an added registry do not wrap what the adding one binds after it", async () => {
  const log: string[] = [];
  const added = handlers().use(tracer("inner", log)).on(Do, () => {});
  const app = bootstrap(handlers().add(added).on(Ask, () => "answer"));
  await app.send(Ask());
  assert.deepEqual(log, []);
});

Deno.test("add() merges the handlers of one event from several modules", async () => {
  const log: string[] = [];
  const billing = handlers().on(Done, () => void log.push("billing"));
  const mailing = handlers().on(Done, () => void log.push("mailing"));
  const app = bootstrap(handlers().add(billing).add(mailing));
  await app.dispatch(Done());
  assert.deepEqual(log, ["billing", "mailing"]);
});

Deno.test("a middleware that several registries use wraps a handler once", async () => {
  const log: string[] = [];
  const shared = tracer("shared", log);
  const module = handlers().use(shared).on(Do, () => {});
  const app = bootstrap(handlers().use(shared).use(shared).add(module), {
    middlewares: [shared, shared],
  });
  await app.send(Do());
  assert.deepEqual(log, ["shared"]);
});

Deno.test("two middlewares that one factory made both wrap", async () => {
  const log: string[] = [];
  const app = bootstrap(
    handlers().use(tracer("one", log)).use(tracer("two", log)).on(Do, () => {}),
  );
  await app.send(Do());
  assert.deepEqual(log, ["one", "two"]);
});

Deno.test("the middlewares of bootstrap() stand around those of the registry", async () => {
  const log: string[] = [];
  const app = bootstrap(handlers().use(tracer("registry", log)).on(Do, () => {}), {
    middlewares: [tracer("app 1", log), tracer("app 2", log)],
  });
  await app.send(Do());
  assert.deepEqual(log, ["app 1", "app 2", "registry"]);
});

Deno.test("the steps of a registry tell what it was told, in order", () => {
  const middleware = tracer("m", []);
  const module = handlers();
  const handler = () => {};
  const Numbered = domainEvent("numbered", type<number>());
  const { steps } = handlers().use(middleware).on(Numbered, handler).add(module);
  assert.deepEqual(steps, [
    { step: "use", middleware },
    { step: "on", definition: Numbered, handlers: [handler] },
    { step: "add", module },
  ]);
});
