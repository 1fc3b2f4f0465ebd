import assert from "node:assert/strict";
import { bootstrap, command, handlers, type } from "../../../mod.ts";
import type { Problem } from "../../../src/hono/mod.ts";
import { parseSse, type SseMessage } from "../../../src/stream/mod.ts";

/** A command that is answered with its own data, so that a test sees what a route made of a request. */
export const Echo = command("echo", type<unknown>()).returns<unknown>();

/** An application that answers {@linkcode Echo}. */
export const echoApp = bootstrap(handlers().on(Echo, (data) => data));

/** A request with `body` as JSON, or with a text that stands for itself. */
export function post(body: unknown, headers: HeadersInit = {}): RequestInit {
  return {
    method: "POST",
    headers: { "content-type": "application/json", ...Object.fromEntries(new Headers(headers)) },
    body: typeof body === "string" ? body : JSON.stringify(body),
  };
}

/** The problem in a response, which must have the form that RFC 9457 asks for. */
export async function problemOf(response: Response): Promise<Problem> {
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  return checkedProblem(await response.text(), response.status);
}

/** The problem in a text, which must have the form that RFC 9457 asks for. */
export function checkedProblem(text: string, status: number): Problem {
  const problem: Problem = JSON.parse(text);
  assert.equal(problem.status, status);
  assert.equal(typeof problem.type, "string");
  assert.equal(typeof problem.title, "string");
  return problem;
}

/** The events in the body of a response. */
export async function eventsOf(response: Response): Promise<SseMessage[]> {
  assert.ok(response.body);
  return await Array.fromAsync(parseSse(response.body));
}

/** The names of the events in the body of a response. */
export async function eventNamesOf(response: Response): Promise<string[]> {
  return (await eventsOf(response)).map(({ event }) => event);
}
