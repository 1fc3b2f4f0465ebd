/**
 * An application behind routes of Hono: a command, a query, a stream, and an event from a webhook,
 * with the user's own authentication before them and errors as problem details (RFC 9457).
 *
 * It sends its requests to itself, without a network. `Deno.serve(api.fetch)` would serve them.
 *
 * Run it: deno run examples/hono_routes.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, domainEvent, handlers, query, streamRequest } from "@sluice/cqrs";
import { cqrs, routes } from "@sluice/cqrs/hono";
import { type Context, Hono } from "hono";
import { createMiddleware } from "hono/factory";
import { z } from "zod";

const id = z.object({ id: z.string() });
const OpenMeeting = command(
  "meeting.open",
  id.extend({ title: z.string("must be a text"), owner: z.string() }),
);
const JoinMeeting = command("meeting.join", id.extend({ user: z.string() }))
  .returns<{ seat: number }>();
// The schema of an answer decides what leaves the process: here, the owner does not.
const ReadMeeting = query("meeting.read", id).returns(
  z.object({ title: z.string(), members: z.array(z.string()) }),
);
const ListMembers = streamRequest("meeting.list_members", id).yields<{ name: string }>();
const MeetingMoved = domainEvent("meeting.moved", id.extend({ day: z.iso.date("must be a day") }));

class MeetingNotFoundError extends Error {
  override readonly name = "MeetingNotFoundError";
}

const meetings = new Map<string, { title: string; owner: string; members: string[] }>();

function find(id: string) {
  const meeting = meetings.get(id);
  if (meeting === undefined) throw new MeetingNotFoundError(`There is no meeting ${id}`);
  return meeting;
}

const app = bootstrap(
  handlers()
    .on(OpenMeeting, ({ id, ...meeting }) => void meetings.set(id, { ...meeting, members: [] }))
    .on(JoinMeeting, ({ id, user }) => ({ seat: find(id).members.push(user) }))
    .on(ReadMeeting, ({ id }) => find(id))
    .on(ListMembers, async function* ({ id }) {
      for (const name of find(id).members) yield { name };
    })
    .on(MeetingMoved, ({ id, day }) => console.log(`  event: meeting ${id} is on ${day} now`)),
);

const http = routes(app, {
  // What clients learn of an error. Of one that is not named here they learn nothing but the 500.
  mapError: (error) =>
    error instanceof MeetingNotFoundError
      ? { status: 404, detail: error.message, code: "meeting_not_found" }
      : undefined,
});

type Env = { Variables: { user: string } };
const users = new Map(["ada", "bob", "calendar"].map((name) => [`Bearer token-of-${name}`, name]));
const authenticate = createMiddleware<Env>(async (c, next) => {
  const user = users.get(c.req.header("authorization") ?? "");
  if (user === undefined) return c.text("Who are you?", 401, { "www-authenticate": "Bearer" });
  c.set("user", user);
  return await next();
});

const api = new Hono<Env>()
  .use(authenticate)
  // The data is made of the path and the body, where the path wins …
  .get("/meetings/:id", http.send(ReadMeeting))
  // … with more that the server knows, here the user from the context …
  .put(
    "/meetings/:id",
    http.send(OpenMeeting, (c: Context<Env>, { dataWith }) => dataWith({ owner: c.var.user })),
  )
  .post(
    "/meetings/:id/members",
    http.send(JoinMeeting, (c: Context<Env>, { dataWith }) => dataWith({ user: c.var.user })),
  )
  // POST starts a stream, and as this one is declared safe, GET does, which an EventSource uses.
  .all("/meetings/:id/members/stream", http.sse(ListMembers, { safe: true }))
  // An event that comes from outside.
  .post("/webhooks/calendar", http.dispatch(MeetingMoved))
  // A route of one's own has the application as `c.var.app`.
  .get("/meetings/:id/title", cqrs(app), async (c) => {
    const { title } = await c.var.app.send(ReadMeeting({ id: c.req.param("id") }));
    return c.text(title);
  });

async function call(method: string, path: string, user: string, data?: object): Promise<void> {
  const body = data === undefined ? null : JSON.stringify(data);
  console.log(`${user || "nobody"}: ${method} ${path} ${body ?? ""}`.trimEnd());
  const headers = { authorization: `Bearer token-of-${user}`, "content-type": "application/json" };
  const response = await api.request(path, { method, headers, body });
  const text = (await response.text()).replaceAll(/^(?:id|retry): .*\n/gm, "").trim();
  const lines = text.replace(/[\da-f-]{36}/, "<id>").replaceAll(/\n+/g, "\n      ");
  console.log(`  ${response.status} ${lines}`.trimEnd());
}

await call("PUT", "/meetings/m1", "ada", { title: "Planning" });
await call("POST", "/meetings/m1/members", "ada");
await call("POST", "/meetings/m1/members", "bob");
await call("GET", "/meetings/m1", "bob");
await call("GET", "/meetings/m1/members/stream", "bob");
await call("GET", "/meetings/m1/title", "bob");
await call("GET", "/meetings/m2", "bob");
await call("PUT", "/meetings/m2", "bob", { title: 7 });
await call("GET", "/meetings/m1", "");
await call("POST", "/webhooks/calendar", "calendar", { id: "m1", day: "2030-07-01" });
await call("POST", "/webhooks/calendar", "calendar", { id: "m1", day: "soon" });
