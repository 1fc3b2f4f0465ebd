import type { Context } from "hono";
import type { App } from "../mediator/mod.ts";
import type { AnyMessage, DataOf, ItemOf, SagaRequest } from "../message/mod.ts";
import { RefusedRequestError } from "./problem.ts";
import { type MessageSource, readMessage } from "./route_message.ts";
import { idempotencyKeyOf } from "./route_metadata.ts";
import type { SseRouteOptions } from "./route_options.ts";
import { checkSagaId } from "./saga_id.ts";
import { TAKEN_PROBLEM } from "./saga_problem.ts";
import type { SagaRouteOptions } from "./saga_options.ts";

/** Where the sagas of a route come from. */
export interface SagaSource<M extends AnyMessage> extends MessageSource<M> {
  readonly options: SseRouteOptions<ItemOf<M>> & SagaRouteOptions<DataOf<M>>;
}

/** The header of a saga's message that says, as a digest, to whom and to which route it belongs. */
const OWNER = "sluice-owner";

/** The header that says, as a digest, what was sent with an idempotency key. */
const DATA = "sluice-data";

/**
 * Resolves to the start of the saga that a request asks for.
 *
 * @throws {RefusedRequestError} If that cannot be told.
 */
export async function readSaga<M extends AnyMessage>(
  c: Context,
  source: SagaSource<M>,
): Promise<AskedSaga<M>> {
  const message = await readMessage(c, source);
  const { metadata } = message;
  const owner = await ownerOf(c, source);
  const { id, headers, isNew } = await identify(c, source, message.data as DataOf<M>, owner);
  const request = {
    ...message,
    metadata: { ...metadata, id, headers: { ...metadata.headers, ...headers, [OWNER]: owner } },
  };
  return { request: request as M & SagaRequest, isNew };
}

/** A saga that a request asks for. */
export interface AskedSaga<M extends AnyMessage> {
  readonly request: M & SagaRequest;
  /** Whether there can be no saga with its id. */
  readonly isNew: boolean;
}

/** What a request says of the id of its saga. */
interface Identity {
  readonly id: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly isNew: boolean;
}

/**
 * Checks that a saga which is there already is the one that a request asks for.
 *
 * @throws {RefusedRequestError} If it is not.
 */
export async function checkSaga<M extends AnyMessage>(
  app: App<M>,
  { metadata: { id, headers } }: SagaRequest,
): Promise<void> {
  const found = await headersOf(app, id);
  if (found === undefined) return;
  if (found[OWNER] !== headers[OWNER]) {
    throw new RefusedRequestError(TAKEN_PROBLEM);
  }
  if (found[DATA] === headers[DATA]) return;
  throw new RefusedRequestError({
    status: 422,
    detail: "The key was used for another request",
    code: "idempotency_mismatch",
  });
}

/** Resolves to whether there is a saga that belongs to an owner. */
export async function isSagaOf<M extends AnyMessage>(
  app: App<M>,
  id: string,
  owner: string,
): Promise<boolean> {
  return (await headersOf(app, id))?.[OWNER] === owner;
}

/** The headers of the message that has started a saga; `undefined` if there is none. */
async function headersOf<M extends AnyMessage>(
  app: App<M>,
  id: string,
): Promise<Readonly<Record<string, string>> | undefined> {
  const found = await app.sagas.history(id);
  return found && (JSON.parse(found.metadata).headers ?? {});
}

/** Resolves to whom a saga belongs: other paths, and other sagas, may be guarded by other middlewares. */
export async function ownerOf<M extends AnyMessage>(
  c: Context,
  { definition: { type }, options }: SagaSource<M>,
): Promise<string> {
  return await digest([type, c.req.path, await options.principal?.(c) ?? null]);
}

async function identify<M extends AnyMessage>(
  c: Context,
  { options: { sagaId } }: SagaSource<M>,
  data: DataOf<M>,
  owner: string,
): Promise<Identity> {
  if (sagaId !== undefined) return { id: checkSagaId(await sagaId(c, data)), isNew: false };
  if (c.req.header("idempotency-key") === undefined) {
    return { id: crypto.randomUUID(), isNew: true };
  }
  const key = idempotencyKeyOf(c.req);
  // Without it, who sends the request again would start another saga.
  if (key === undefined) {
    throw new RefusedRequestError({
      status: 400,
      detail: "The header Idempotency-Key must have from 1 to 255 visible characters",
      code: "idempotency_key_invalid",
    });
  }
  const headers = { [DATA]: await digest(data) };
  return { id: await digest([owner, key]), headers, isNew: false };
}

/** SHA-256, in 64 hexadecimal digits. */
async function digest(value: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
