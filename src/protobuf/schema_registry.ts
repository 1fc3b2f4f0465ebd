import { type Clock, systemClock } from "../clock.ts";
import { assertTimeoutMs, type RetryOptions, withDeadline } from "../resilience/mod.ts";
import { answerAs, isId, isRecord, RegistryRequests } from "./registry_requests.ts";
import { SharedCalls } from "./shared_calls.ts";

/** A schema that another one imports, as a version of a subject of the registry. */
export interface SchemaReference {
  /** The path under which it is imported. */
  readonly name: string;
  /** The subject that it is registered under. */
  readonly subject: string;
  /** Its version within the subject, from 1. */
  readonly version: number;
}

/** A schema as a registry keeps it. */
export interface RegistrySchema {
  /** The language of the schema, such as `"PROTOBUF"` or `"AVRO"`. */
  readonly schemaType: string;
  /** The schema itself; of protobuf the text of the `.proto`, or the compiled file in base 64. */
  readonly schema: string;
  /** The schemas that it imports. */
  readonly references: readonly SchemaReference[];
}

/** Where a registry keeps a schema. */
export interface RegisteredSchema {
  /** The id, under which any subject finds it. */
  readonly id: number;
  /** The version within the subject, from 1. */
  readonly version: number;
}

/** What belongs to one call of a {@linkcode SchemaRegistry}. */
export interface SchemaRegistryCallOptions {
  /** Ends the call at once, with the signal's reason. A request that others wait for too goes on. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * A registry of schemas. An implementation must cache what it has learnt, share one request among
 * those who ask for the same at the same time, and forget failures: the codecs ask without thinking.
 */
export interface SchemaRegistry {
  /**
   * Registers a schema under a subject, or finds it there, and resolves to its id.
   *
   * @throws {SchemaRegistryError} If the registry refuses, for example because the schema is not compatible with the versions before it.
   */
  register(
    subject: string,
    schema: RegistrySchema,
    options?: SchemaRegistryCallOptions,
  ): Promise<number>;
  /**
   * Finds a schema under a subject.
   *
   * @throws {SchemaRegistryError} If it is not registered there.
   */
  lookUp(
    subject: string,
    schema: RegistrySchema,
    options?: SchemaRegistryCallOptions,
  ): Promise<RegisteredSchema>;
  /**
   * Resolves to the schema with an id; one of protobuf as the compiled file in base 64, if the registry can.
   *
   * @throws {SchemaRegistryError} If there is none.
   */
  schemaById(id: number, options?: SchemaRegistryCallOptions): Promise<RegistrySchema>;
}

/** Who asks a registry: a user with a password, or the bearer of a token, which a function gives anew for each request. */
export type SchemaRegistryAuth =
  | { readonly username: string; readonly password: string }
  | { readonly token: string | (() => string | Promise<string>) };

/** Sends a request to a registry: `fetch`, or what takes its place. It must obey the signal in `init`. */
export type SchemaRegistryFetch = (
  url: string,
  init: RequestInit,
) => Response | Promise<Response>;

/** How {@linkcode schemaRegistry} asks. */
export interface SchemaRegistryOptions {
  /** The address of the registry, without user and password. */
  readonly url: string;
  /** Who asks. @default nobody in particular */
  readonly auth?: SchemaRegistryAuth | undefined;
  /** More headers for each request. @default none */
  readonly headers?: HeadersInit | undefined;
  /** Sends the requests. @default {globalThis.fetch} */
  readonly fetch?: SchemaRegistryFetch | undefined;
  /** How long one request may take, in milliseconds; `Infinity` sets no limit. @default {10_000} */
  readonly timeoutMs?: number | undefined;
  /** How often a request is repeated, and when. @default 3 attempts, after errors that are transient */
  readonly retry?: Omit<RetryOptions, "clock"> | undefined;
  /** How many schemas are remembered, of those registered and of those read each; the oldest leave first. `Infinity` keeps all. @default {1_000} */
  readonly maxSchemas?: number | undefined;
  /** The clock that measures time limits and delays. @default {systemClock} */
  readonly clock?: Clock | undefined;
}

/**
 * Creates a client of a schema registry that has the REST interface of Confluent's, as Redpanda,
 * Karapace and Apicurio have it too. It does nothing until it is asked.
 *
 * @throws {TypeError} If the URL or a header is not valid.
 * @throws {RangeError} If a number is out of its range.
 *
 * @example A schema, and where it is kept
 * ```ts
 * import { schemaRegistry } from "@sluice/cqrs/protobuf";
 * import assert from "node:assert/strict";
 *
 * // In place of a server, which gives out the id 7.
 * const fetch = () => Response.json({ id: 7 });
 * const registry = schemaRegistry({ url: "http://registry.example:8081", fetch });
 * const schema = 'syntax = "proto3"; message Empty {}';
 * const id = await registry.register("empties", { schemaType: "PROTOBUF", schema, references: [] });
 * assert.equal(id, 7);
 * ```
 */
export function schemaRegistry(options: SchemaRegistryOptions): SchemaRegistry {
  const { timeoutMs = 10_000, maxSchemas = 1_000, clock = systemClock } = options;
  assertTimeoutMs(timeoutMs);
  if (!(maxSchemas >= 1)) {
    throw new RangeError(
      `Cannot create the registry client: maxSchemas must be at least 1, got ${maxSchemas}`,
    );
  }
  const requests = new RegistryRequests({ ...options, timeoutMs, clock });
  const ids = new SharedCalls<number>(maxSchemas);
  const places = new SharedCalls<RegisteredSchema>(maxSchemas);
  const schemas = new SharedCalls<RegistrySchema>(maxSchemas);
  return {
    register(subject, schema, call) {
      const key = keyOf(subject, schema);
      return unlessAborted(() => ids.get(key, () => register(requests, subject, schema)), call);
    },
    lookUp(subject, schema, call) {
      const key = keyOf(subject, schema);
      return unlessAborted(() => places.get(key, () => lookUp(requests, subject, schema)), call);
    },
    schemaById(id, call) {
      return unlessAborted(() => schemas.get(String(id), () => schemaById(requests, id)), call);
    },
  };
}

function keyOf(subject: string, { schemaType, schema, references }: RegistrySchema): string {
  return JSON.stringify([subject, schemaType, schema, references]);
}

/** The time limits are those of the requests; here only the caller can lose patience. */
function unlessAborted<T>(
  ask: () => Promise<T>,
  { signal }: SchemaRegistryCallOptions = {},
): Promise<T> {
  return signal === undefined ? ask() : withDeadline(Infinity, ask, { signal });
}

async function register(
  requests: RegistryRequests,
  subject: string,
  schema: RegistrySchema,
): Promise<number> {
  const action = `register a schema of "${subject}"`;
  const path = `/subjects/${encodeURIComponent(subject)}/versions`;
  const answer = await requests.send(action, path, schema);
  return answerAs(action, answer, (body) => isId(body["id"]) ? body["id"] : undefined);
}

async function lookUp(
  requests: RegistryRequests,
  subject: string,
  schema: RegistrySchema,
): Promise<RegisteredSchema> {
  const action = `find a schema of "${subject}"`;
  const answer = await requests.send(action, `/subjects/${encodeURIComponent(subject)}`, schema);
  return answerAs(action, answer, ({ id, version }) => {
    return isId(id) && isId(version) ? { id, version } : undefined;
  });
}

async function schemaById(requests: RegistryRequests, id: number): Promise<RegistrySchema> {
  const action = `find the schema ${id}`;
  // Who does not know the format gives the text.
  const answer = await requests.send(action, `/schemas/ids/${id}?format=serialized`);
  return answerAs(action, answer, ({ schema, schemaType = "AVRO", references = [] }) => {
    if (typeof schema !== "string" || typeof schemaType !== "string") return undefined;
    if (!Array.isArray(references) || !references.every(isReference)) return undefined;
    return { schemaType, schema, references };
  });
}

function isReference(value: unknown): value is SchemaReference {
  return isRecord(value) && typeof value["name"] === "string" &&
    typeof value["subject"] === "string" && isId(value["version"]);
}
