import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  query,
  streamRequest,
  type,
} from "@sluice/cqrs";
import { type Problem, routes } from "@sluice/cqrs/hono";
import { saga } from "@sluice/cqrs/saga";
import { memoryStorage } from "@sluice/cqrs/storage";
import { type Context, Hono } from "hono";
import { hc, type InferRequestType, type InferResponseType } from "hono/client";
import { createFactory } from "hono/factory";
import { validator } from "hono/validator";
import { z } from "zod";
import { compiled, type Equals, expectType } from "./equals.ts";

interface Meeting {
  readonly link: string;
  readonly at: Date;
}

const Join = command(
  "meeting.join",
  z.object({ meetingId: z.string(), userId: z.string(), seats: z.number() }),
).returns<Meeting>();
const Leave = command("meeting.leave", z.object({ meetingId: z.string() }));
const Find = query(
  "meeting.find",
  z.object({ name: z.string(), page: z.coerce.number(), tags: z.array(z.string()).optional() }),
).returns<Meeting | undefined>();
const Count = query("meeting.count").returns<number>();
const Tree = command("tree", z.json()).returns(z.json());
const Any = command("any", type<unknown>()).returns<unknown>();
const Note = command("note", z.object({ text: z.string() }).optional());
const Watch = streamRequest("meeting.watch", z.object({ meetingId: z.string(), from: z.number() }))
  .yields<{ readonly n: number }>();

const Moved = domainEvent("meeting.moved", z.object({ id: z.string(), day: z.number() }));
const Unheard = domainEvent("meeting.unheard");

const app = bootstrap(
  handlers()
    .on(Moved, () => {})
    .on(Join, () => ({ link: "", at: new Date() }))
    .on(Leave, () => {})
    .on(Find, () => undefined)
    .on(Count, () => 1)
    .on(Tree, (tree) => tree)
    .on(Any, (data) => data)
    .on(Note, () => {})
    .on(Watch, async function* () {
      yield await Promise.resolve({ n: 1 });
    }),
);
const Order = saga("order", { version: 1, context: type<{ item: string; count: number }>() })
  .step("charge", () => ({ cents: 5 }))
  .waitFor("answer");
const sagas = bootstrap(handlers().saga(Order), { storage: memoryStorage() });

const http = routes(app);

interface UserEnv {
  readonly Variables: { readonly user: string };
}

const api = new Hono<UserEnv>()
  .post("/join", http.send(Join, { params: [] }))
  .put("/meetings/:meetingId", http.send(Join))
  .put("/exact/:meetingId", http.send(Join, { params: ["meetingId"] }))
  .delete("/meetings/:meetingId", http.send(Leave))
  .get("/find", http.send(Find))
  .get("/find/:name", http.send(Find, { params: ["name"] }))
  .get("/count", http.send(Count))
  .get("/leave", http.send(Leave, { safe: true }))
  .post("/tree", http.send(Tree))
  .post("/any", http.send(Any))
  .post("/note", http.send(Note, { params: [] }))
  .post("/moved/:id", http.dispatch(Moved, { params: ["id"] }))
  .all("/watch/:meetingId", http.sse(Watch))
  .get("/safe", http.sse(Watch, { safe: true, params: [] }));
const client = hc<typeof api>("http://localhost");

/** The result of a request to a route, where its status is one of `S`. */
type Answer<T, S extends 200 | 204 | 404 | 500> = InferResponseType<T, S>;

Deno.test("send() gives Hono's client its result as JSON, and problems", () => {
  type Route = typeof client.join.$post;
  expectType<Equals<Answer<Route, 200>, { readonly link: string; readonly at: string }>>();
  expectType<Equals<Answer<Route, 404>, Problem>>();
  expectType<Equals<Answer<Route, 500>, Problem>>();
  expectType<Equals<Answer<Route, 204>, never>>();
  expectType<Equals<Answer<typeof client.count.$get, 200>, number>>();
  expectType<Equals<Answer<typeof client.tree.$post, 200>, z.core.util.JSONType>>();
});

Deno.test("send() gives Hono's client a response that `ok` takes apart", () => {
  compiled(async () => {
    const joined = await client.join.$post({ json: { meetingId: "", userId: "", seats: 1 } });
    if (joined.ok) {
      const at: string = (await joined.json()).at;
      // @ts-expect-error -- JSON has no dates
      (await joined.json()).at.getTime();
      return at;
    }
    const { code, detail } = await joined.json();
    expectType<Equals<typeof code, string | undefined>>();
    return detail;
  });
});

Deno.test("send() gives Hono's client a result that may be missing with 200, or nothing with 204", () => {
  compiled(async () => {
    const found = await client.find.$get({ query: {} });
    if (found.status === 200) expectType<Equals<typeof found.status, 200>>();
    if (found.ok) {
      const meeting = await found.json();
      expectType<Equals<typeof meeting, { readonly link: string; readonly at: string }>>();
    }
    const left = await client.meetings[":meetingId"].$delete({ param: { meetingId: "" } });
    if (left.ok) {
      expectType<Equals<typeof left.status, 204>>();
      expectType<Equals<ReturnType<typeof left.json>, Promise<never>>>();
    }
  });
});

Deno.test("send() asks Hono's client for the data of a command as JSON", () => {
  compiled(() => {
    client.join.$post({ json: { meetingId: "m1", userId: "u1", seats: 1 } });
    // @ts-expect-error -- a member is missing
    client.join.$post({ json: { meetingId: "m1", seats: 1 } });
    // @ts-expect-error -- a member is no number
    client.join.$post({ json: { meetingId: "m1", userId: "u1", seats: "1" } });
    // @ts-expect-error -- there is no such member
    client.join.$post({ json: { meetingId: "m1", userId: "u1", seats: 1, more: 1 } });
    // @ts-expect-error -- there is no data at all
    client.join.$post();
    client.tree.$post({ json: [{ leaf: [1, null] }] });
    client.any.$post({ json: [{ n: 1 }] });
    client.any.$post();
    client.note.$post();
    client.note.$post({ json: { text: "x" } });
    // @ts-expect-error -- it is no text
    client.note.$post({ json: { text: 1 } });
  });
});

Deno.test("send() lets Hono's client leave out what the path may give", () => {
  compiled(() => {
    const param = { meetingId: "m1" };
    client.meetings[":meetingId"].$put({ param, json: { userId: "u1", seats: 1 } });
    client.meetings[":meetingId"].$put({ param, json: { seats: 1 } });
    // @ts-expect-error -- a path gives strings
    client.meetings[":meetingId"].$put({ param, json: { userId: "u1" } });
    // @ts-expect-error -- a member is no string
    client.meetings[":meetingId"].$put({ param, json: { userId: 1, seats: 1 } });
    // @ts-expect-error -- the path has a parameter
    client.meetings[":meetingId"].$put({ json: { seats: 1 } });
  });
});

Deno.test("send() asks Hono's client for everything else when the parameters of the path are named", () => {
  compiled(() => {
    const param = { meetingId: "m1" };
    client.exact[":meetingId"].$put({ param, json: { userId: "u1", seats: 1 } });
    // @ts-expect-error -- a member is missing
    client.exact[":meetingId"].$put({ param, json: { seats: 1 } });
    // @ts-expect-error -- the path gives it
    client.exact[":meetingId"].$put({ param, json: { meetingId: "m1", userId: "u1", seats: 1 } });
    client.find[":name"].$get({ param: { name: "" }, query: { page: 1 } });
    // @ts-expect-error -- a member is missing
    client.find[":name"].$get({ param: { name: "" }, query: {} });
  });
});

Deno.test("send() asks Hono's client for the data of a query in the query", () => {
  type Query = InferRequestType<typeof client.find.$get>["query"];
  expectType<
    Equals<
      Query,
      { name?: string; page?: number | `${number}`; tags?: string[] | undefined } | undefined
    >
  >();
  compiled(() => {
    client.find.$get({ query: { name: "x", page: "2", tags: ["a"] } });
    // @ts-expect-error -- it is no number
    client.find.$get({ query: { page: "two" } });
    client.count.$get();
    client.leave.$get({ query: { meetingId: "m1" } });
  });
});

Deno.test("sse() asks Hono's client for the data, and gives it a text to read", () => {
  compiled(async () => {
    const param = { meetingId: "m1" };
    const watched = await client.watch[":meetingId"].$post({ param, json: { from: 1 } });
    if (watched.status === 200) {
      expectType<Equals<ReturnType<typeof watched.text>, Promise<string>>>();
      expectType<Equals<typeof watched.body, ReadableStream | null>>();
    }
    if (!watched.ok) expectType<Equals<ReturnType<typeof watched.json>, Promise<Problem>>>();
    await client.safe.$get({ query: { meetingId: "m1", from: 1 } });
    // @ts-expect-error -- a member is missing
    await client.watch[":meetingId"].$post({ param, json: {} });
    // @ts-expect-error -- a member is missing
    await client.safe.$get({ query: { from: 1 } });
  });
});

Deno.test("send() leaves the input of validators before it to Hono's client", () => {
  const seats = validator("json", (value) => value as { seats: number });
  const page = validator("query", (value) => ({ page: String(value.page) }));
  const api = new Hono<UserEnv>()
    .put("/one/:meetingId", seats, http.send(Join, (c) => c.req.valid("json")))
    .put(
      "/user/:meetingId",
      seats,
      http.send(Join, (c: Context<UserEnv>) => ({ userId: c.var.user })),
    )
    .put("/two", page, seats, http.send(Join, (c) => ({ ...c.req.valid("json"), userId: "u1" })));
  const client = hc<typeof api>("http://localhost");
  type One = InferRequestType<typeof client.one[":meetingId"]["$put"]>;
  type User = InferRequestType<typeof client.user[":meetingId"]["$put"]>;
  type Two = InferRequestType<typeof client.two.$put>;
  expectType<Equals<One["json"], { seats: number }>>();
  expectType<Equals<One["param"], { meetingId: string }>>();
  expectType<Equals<User["json"], { seats: number }>>();
  expectType<Equals<Two["json"], { seats: number }>>();
  type Answered = Answer<typeof client.two.$put, 200>;
  expectType<Equals<Answered, { readonly link: string; readonly at: string }>>();
});

Deno.test("send() tells Hono's client of the input that is written at the context of `from`", () => {
  type Input = { in: { json: { seats: number } }; out: { json: { seats: number } } };
  const api = new Hono<UserEnv>().post(
    "/",
    http.send(Join, (c: Context<UserEnv, "/", Input>) => {
      expectType<Equals<ReturnType<typeof c.req.valid<"json">>, { seats: number }>>();
      return { userId: c.var.user };
    }),
  );
  const client = hc<typeof api>("http://localhost");
  expectType<Equals<InferRequestType<typeof client.index.$post>, { json: { seats: number } }>>();
});

Deno.test("send() fits routes of any kind", () => {
  const factory = createFactory<UserEnv>();
  const sub = new Hono().get("/count", http.send(Count)).all("/all", http.send(Leave));
  const api = new Hono<UserEnv>()
    .basePath("/v1")
    .use(async (c, next) => {
      c.set("user", "u1");
      await next();
    })
    .on(["PUT", "POST"], "/on/:meetingId", http.send(Leave))
    .get("/made", ...factory.createHandlers(http.send(Count)))
    .route("/sub/:tenant", sub);
  const client = hc<typeof api>("http://localhost");
  expectType<Equals<Answer<typeof client.v1.made.$get, 200>, number>>();
  expectType<Equals<Answer<typeof client.v1.sub[":tenant"]["count"]["$get"], 200>, number>>();
  compiled(() => {
    client.v1.on[":meetingId"].$put({ param: { meetingId: "m1" } });
    client.v1.on[":meetingId"].$post({ param: { meetingId: "m1" } });
    client.v1.sub[":tenant"].all.$patch({ param: { tenant: "t1" }, json: { meetingId: "m1" } });
  });
});

Deno.test("send() gives `from` the variables of an environment that is written at its context", () => {
  const from = (c: Context<UserEnv>) => ({ userId: c.var.user, meetingId: c.req.param("id") });
  new Hono<UserEnv>().post("/:id", http.send(Join, from));
  new Hono<UserEnv>().all("/:id", http.sse(Watch, from));
  new Hono<{ Variables: { user: string; team: string } }>().post("/:id", http.send(Join, from));
  // @ts-expect-error -- there is no such variable
  http.send(Join, (c: Context<UserEnv>) => c.var.team);
});

Deno.test("sse() knows the items that its options are about", () => {
  http.sse(Watch, {
    serialize: (item) => {
      expectType<Equals<typeof item, { readonly n: number }>>();
      return String(item.n);
    },
    eventNames: {
      item: (item) => {
        expectType<Equals<typeof item, { readonly n: number }>>();
        return `n${item.n}`;
      },
    },
  });
  http.sse(Watch, (c) => c.req.param(), { serialize: ({ n }) => `${n}` });
  // @ts-expect-error -- an item has no such member
  http.sse(Watch, { serialize: ({ m }) => `${m}` });
  // @ts-expect-error -- there is no such event
  http.sse(Watch, { eventNames: { begin: "start" } });
  // @ts-expect-error -- a command has no items
  http.send(Join, { serialize: JSON.stringify });
});

Deno.test("dispatch() asks Hono's client for the data of an event, and gives nothing or a problem", () => {
  type Route = (typeof client.moved)[":id"]["$post"];
  expectType<Equals<Answer<Route, 404>, Problem>>();
  compiled(async () => {
    const param = { id: "m1" };
    await client.moved[":id"].$post({ param, json: { day: 1 } });
    // @ts-expect-error -- a member is missing
    await client.moved[":id"].$post({ param, json: {} });
    // @ts-expect-error -- nothing handles this event
    http.dispatch(Unheard);
    // @ts-expect-error -- a command is no event
    http.dispatch(Leave);
    http.dispatch(Moved, async (_c, { bytes, json }) => (await bytes()).length > 0 && json());
  });
});

const sagaApi = new Hono()
  .post("/orders", routes(sagas).send(Order, { params: [] }))
  .post("/watched", routes(sagas).sse(Order, { params: [] }));
const sagaClient = hc<typeof sagaApi>("http://localhost");

Deno.test("send() and sse() give Hono's client a saga: what it is started with, and how it stands", () => {
  compiled(async () => {
    const response = await sagaClient.orders.$post({ json: { item: "lamp", count: 1 } });
    if (response.ok) {
      expectType<Equals<typeof response.status, 200 | 202>>();
      const outcome = await response.json();
      expectType<Equals<typeof outcome.status, "completed" | "waiting">>();
      if (outcome.status === "completed") {
        expectType<Equals<typeof outcome.context.cents, number>>();
      }
    }
    // @ts-expect-error -- a member is missing
    sagaClient.watched.$post({ json: { item: "lamp" } });
    return await sagaClient.watched.$post({ json: { item: "lamp", count: 1 } });
  });
});

Deno.test("sse() gives sagaId what the saga is started with", () => {
  routes(sagas, { sagaId: (c) => c.req.path });
  routes(sagas).sse(Order, { sagaId: (_, { item, count }) => `${item}-${count.toFixed()}` });
  routes(sagas).send(Order, { sagaId: (_, { item }) => item, principal: () => "ada" });
  // @ts-expect-error -- there is no such member
  routes(sagas).sse(Order, { sagaId: (_, { name }) => name });
  // @ts-expect-error -- it is no text
  routes(sagas).sse(Order, { sagaId: (_, { count }) => count });
  // @ts-expect-error -- the application has no such saga
  compiled(() => http.sse(Order));
});
