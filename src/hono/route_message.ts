import type { Context, Env, Input, ValidationTargets } from "hono";
import type { AnyMessage, Definition } from "../message/mod.ts";
import { invalidJson } from "./json_body.ts";
import { checkMethod } from "./route_method.ts";
import { dataOfRequest, type RouteInput, routeInput } from "./route_input.ts";
import { metadataOfRequest } from "./route_metadata.ts";
import { isSafe, type RouteOptions } from "./route_options.ts";

/**
 * A handler of Hono, to be mounted at any path.
 *
 * @typeParam E The environment that it needs.
 * @typeParam I What Hono's client gives it; without an `in`, what validators before it have said.
 * @typeParam R What Hono's client reads.
 */
export type RouteHandler<
  E extends Env,
  I extends Input = ValidatedInput,
  R extends Response = Response,
> = (c: RouteContext<E, I>) => Promise<R>;

/** The context of a handler, from which Hono infers `I` only if that says something about input. */
export type RouteContext<E extends Env, I extends Input> = unknown extends I["in"]
  ? Pick<Context<E>, keyof Context<E>>
  // deno-lint-ignore no-explicit-any -- the path is not known
  : Context<E, any, I>;

/** What validators may have left in the context. */
export interface ValidatedInput {
  /** The validated data, for `c.req.valid()`. */
  out: ValidationTargets;
}

/**
 * Gives the data of a message from a request. The message's definition validates it in any case.
 *
 * What it throws is answered, an `HTTPException` with its own response and a `SyntaxError` (of
 * `c.req.json()`, say) as invalid JSON.
 *
 * @typeParam E The environment of the Hono application: write it at `c` to use its variables.
 * @typeParam I The input, in Hono's terms: write it at `c` to tell Hono's client what to give, or put
 * a validator before the route.
 */
export type RouteData<E extends Env, I extends Input = ValidatedInput> = (
  // deno-lint-ignore no-explicit-any -- the path is not known
  c: Context<E, any, I>,
  input: RouteInput,
) => unknown;

/** Where the message of a route comes from. */
export interface MessageSource<M extends AnyMessage> {
  readonly definition: Definition<M>;
  readonly from: ((c: Context, input: RouteInput) => unknown) | undefined;
  readonly options: RouteOptions;
}

/** Resolves to the message that a request asks for; throws if that cannot be told. */
export async function readMessage<M extends AnyMessage>(
  c: Context,
  source: MessageSource<M>,
): Promise<M> {
  const { definition, options } = source;
  checkMethod(c.req.method, isSafe(definition, options));
  return await definition.parse(await readData(c, source), metadataOfRequest(c.req));
}

async function readData<M extends AnyMessage>(
  c: Context,
  { definition, from, options }: MessageSource<M>,
): Promise<unknown> {
  const input = routeInput(c.req, options);
  try {
    if (from !== undefined) return await from(c, input);
    return definition.schema === undefined ? undefined : await dataOfRequest(c.req, input, options);
  } catch (error) {
    if (error instanceof SyntaxError) {
      throw invalidJson("The body of the request is not JSON", { cause: error });
    }
    throw error;
  }
}
