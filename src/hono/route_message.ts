import type { Context, Env } from "hono";
import type { AnyMessage, Definition } from "../message/mod.ts";
import { respondToError } from "./error_answer.ts";
import { invalidJson } from "./json_body.ts";
import { problemOfRequest } from "./problem.ts";
import { checkMethod } from "./route_method.ts";
import { dataOfRequest, type RouteInput, routeInput } from "./route_input.ts";
import { metadataOfRequest } from "./route_metadata.ts";
import { DEFAULT_MAX_BODY_BYTES, isSafe, type RouteOptions } from "./route_options.ts";

/** A handler of Hono. */
export type RouteHandler<E extends Env> = (c: Context<E>) => Promise<Response>;

/**
 * Gives the data of a message from a request. The message's definition validates it in any case.
 *
 * What it throws is answered, an `HTTPException` with its own response and a `SyntaxError` (of
 * `c.req.json()`, say) as invalid JSON.
 *
 * @typeParam E The environment of the Hono application: write it at `c` to use its variables.
 */
export type RouteData<E extends Env> = (c: Context<E>, input: RouteInput) => unknown;

/** Where the message of a route comes from. */
export interface MessageSource<M extends AnyMessage, E extends Env> {
  readonly definition: Definition<M>;
  readonly from: RouteData<E> | undefined;
  readonly options: RouteOptions;
}

/** Resolves to the message that a request asks for, or to the answer if that cannot be told. */
export async function readMessage<M extends AnyMessage, E extends Env>(
  c: Context<E>,
  source: MessageSource<M, E>,
): Promise<M | Response> {
  const { definition, options } = source;
  try {
    checkMethod(c.req.method, isSafe(definition, options));
    return await definition.parse(await readData(c, source), metadataOfRequest(c.req));
  } catch (error) {
    return respondToError(error, c, problemOfRequest(error), options);
  }
}

async function readData<M extends AnyMessage, E extends Env>(
  c: Context<E>,
  { definition, from, options }: MessageSource<M, E>,
): Promise<unknown> {
  const input = routeInput(c.req, options.maxBodyBytes ?? DEFAULT_MAX_BODY_BYTES);
  try {
    if (from !== undefined) return await from(c, input);
    return definition.schema === undefined ? undefined : await dataOfRequest(c.req.method, input);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw invalidJson("The body of the request is not JSON", { cause: error });
    }
    throw error;
  }
}
