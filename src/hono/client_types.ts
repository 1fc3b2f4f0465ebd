import type { TypedResponse } from "hono";
import type { ClientErrorStatusCode, ServerErrorStatusCode } from "hono/utils/http-status";
import type { AnyMessage, DataOf, JsonOf, ResultOf } from "../message/mod.ts";
import type { Problem } from "./problem.ts";

/**
 * What Hono's client gives a route for its message, beside the parameters of the path: `query` if
 * the message is safe, and otherwise `json`, with the other one for other methods.
 *
 * A handler does not know the path that it is mounted at. So the members that the path may give, which
 * are strings, may be left out of `json`, and all of `query`, unless `params` names those of the path.
 *
 * @typeParam T The message.
 * @typeParam K The parameters of the path that are named; `string` if they are not.
 * @typeParam S Whether the message is declared safe; `boolean` if nothing is declared.
 */
export interface ClientInput<T extends AnyMessage, K extends string, S extends boolean> {
  /** The arguments of the client. */
  in: [DataOf<T>] extends [void] ? Record<never, never>
    : (boolean extends S ? T["kind"] : S) extends "query" | true
      ? ClientArgument<"query", ClientQuery<DataOf<T>, K>> & {
        json?: ClientJson<JsonOf<DataOf<T>>, K>;
      }
    : ClientArgument<"json", ClientJson<JsonOf<DataOf<T>>, K>> & {
      query?: ClientQuery<DataOf<T>, K>;
    };
}

/** An argument of Hono's client that may be left out if nothing in it is required. */
export type ClientArgument<N extends string, V> = Record<never, never> extends V ? { [P in N]?: V }
  : undefined extends V ? { [P in N]?: V }
  : { [P in N]: V };

/** What Hono's client gives as the body: the data `D`, without what comes from the path. */
export type ClientJson<D, K extends string> = D extends readonly unknown[] ? D
  : D extends object
    ? string extends K ? Omit<D, TextKey<D>> & Partial<Pick<D, TextKey<D>>> : Omit<D, K>
  : D;

/** The members of `D` that may be a string. */
export type TextKey<D> = {
  [P in keyof D]-?: unknown extends D[P] ? P
    : [Extract<D[P], string>] extends [never] ? never
    : P;
}[keyof D];

/** What Hono's client gives as the query: the data `D` as text, without what comes from the path. */
export type ClientQuery<D, K extends string> = D extends readonly unknown[]
  ? ClientQuery<unknown, K>
  : D extends object ? string extends K ? { [P in keyof D]?: QueryValue<D[P]> }
    : { [P in keyof D as Exclude<P, K>]: QueryValue<D[P]> }
  : Record<string, string | string[]>;

/** What stands for a value of type `V` in a query. */
export type QueryValue<V> = unknown extends V ? string | string[]
  : V extends string | undefined ? V
  : V extends number | bigint | boolean ? V | `${V}`
  : V extends readonly (infer X)[] ? QueryValue<X>[]
  : string;

/**
 * What a route for commands, queries and sagas answers, as Hono's client reads it. The status of a saga that
 * waits for a signal is 202.
 */
export type SendResponse<T extends AnyMessage> =
  | ResultResponse<ResultOf<T>, T["kind"] extends "saga" ? 200 | 202 : 200>
  | ProblemResponse;

/**
 * The answer to a request that was handled: with JSON, or with 204 and nothing.
 *
 * @typeParam R The result.
 * @typeParam S The status of one with JSON.
 */
export type ResultResponse<R, S extends 200 | 202 = 200> =
  | ([R] extends [void] ? never
    : Response & TypedResponse<JsonOf<Exclude<R, void | undefined>>, S, "json">)
  | ([Extract<R, void | undefined>] extends [never] ? unknown extends R ? NoContentResponse : never
    : NoContentResponse);

/** An answer without a body. */
export type NoContentResponse = Response & TypedResponse<"", 204, "text">;

/** The answer to a request that was refused or failed. */
export type ProblemResponse =
  & Response
  & TypedResponse<Problem, ClientErrorStatusCode | ServerErrorStatusCode, "json">;

/** What a route for streaming requests answers, as Hono's client reads it: its `body` is the stream. */
export type SseResponse =
  | (Response & TypedResponse<string, 200, "text">)
  | NoContentResponse
  | ProblemResponse;

/** What a route for events answers, as Hono's client reads it. */
export type DispatchResponse = NoContentResponse | ProblemResponse;
