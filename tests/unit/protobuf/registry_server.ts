/**
 * A schema registry in this process, written from the documentation of Confluent's REST interface:
 * its paths, media types, statuses and error codes. It is as much of one as the client talks to.
 * Whether a real one behaves so no test here can tell.
 *
 * @module
 */

import { fromBinary } from "@bufbuild/protobuf";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** A schema as it is sent, without what may be left out. */
interface SentSchema {
  readonly schema: string;
  readonly schemaType?: string;
  readonly references?: readonly { name: string; subject: string; version: number }[];
}

/** A request as it came. */
export interface SeenRequest {
  readonly line: string;
  readonly headers: Headers;
  readonly body: SentSchema | undefined;
}

const MEDIA_TYPE = "application/vnd.schemaregistry.v1+json";

export class RegistryServer {
  /** All requests, in the order in which they came. */
  readonly seen: SeenRequest[] = [];
  /** What the next requests are answered with instead, the first first. */
  readonly instead: (() => Response | Promise<Response>)[] = [];
  /** The subjects that take no further schema, as it would not be compatible. */
  readonly closed: Set<string> = new Set();
  /** What `authorization` has to be; `undefined` lets everybody in. */
  authorization: string | undefined;
  /** Whether it gives the text where the compiled file is asked for, as old ones do. */
  givesText = false;
  readonly #schemas: SentSchema[] = [];
  readonly #subjects = new Map<string, number[]>();

  /** The requests, each as its method and path. */
  get lines(): string[] {
    return this.seen.map(({ line }) => line);
  }

  /** Puts a schema under a subject, and gives its id. The ids start with 1. */
  add(subject: string, sent: SentSchema): number {
    const known = this.#schemas.findIndex((schema) => isSame(schema, sent));
    const id = known < 0 ? this.#schemas.push(sent) : known + 1;
    const versions = this.#subjects.get(subject) ?? [];
    if (!versions.includes(id)) versions.push(id);
    this.#subjects.set(subject, versions);
    return id;
  }

  /** The subjects in the order in which they came. */
  get subjects(): string[] {
    return [...this.#subjects.keys()];
  }

  /** Answers a request; it can stand in for `fetch`. */
  readonly fetch = async (url: string, init: RequestInit): Promise<Response> => {
    return await this.answer(new Request(url, init));
  };

  /** Answers a request. */
  async answer(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const text = await request.text();
    const body = text === "" ? undefined : JSON.parse(text) as SentSchema;
    const { method, headers } = request;
    this.seen.push({ line: `${method} ${pathname}${search}`, headers, body });
    const instead = this.instead.shift();
    if (instead !== undefined) return await instead();
    if (this.authorization !== undefined && headers.get("authorization") !== this.authorization) {
      return problem(401, 401, "Unauthorized");
    }
    if (!headers.get("accept")?.includes("json")) return problem(406, 406, "Not Acceptable");
    return this.#route(`${method} ${pathname}`, body, headers);
  }

  #route(line: string, body: SentSchema | undefined, headers: Headers): Response {
    const [, id] = line.match(/^GET \/schemas\/ids\/(\d+)$/) ?? [];
    if (id !== undefined) return this.#byId(Number(id));
    const [, name, versions] = line.match(/^POST \/subjects\/([^/]+)(\/versions)?$/) ?? [];
    if (name === undefined || body === undefined) return problem(404, 404, "HTTP 404 Not Found");
    if (headers.get("content-type") !== MEDIA_TYPE) {
      return problem(415, 415, "HTTP 415 Unsupported Media Type");
    }
    const subject = decodeURIComponent(name);
    return versions === undefined ? this.#lookUp(subject, body) : this.#register(subject, body);
  }

  #register(subject: string, sent: SentSchema): Response {
    const missing = sent.references?.find(({ subject, version }) =>
      this.#subjects.get(subject)?.[version - 1] === undefined
    );
    if (missing !== undefined || !isParsable(sent)) {
      return problem(422, 42201, "The schema cannot be parsed, or imports what is not there");
    }
    if (this.closed.has(subject)) return problem(409, 409, "The schema is incompatible");
    return json({ id: this.add(subject, sent) });
  }

  #lookUp(subject: string, sent: SentSchema): Response {
    const versions = this.#subjects.get(subject);
    if (versions === undefined) return problem(404, 40401, `Subject '${subject}' not found.`);
    const id = this.#schemas.findIndex((schema) => isSame(schema, sent)) + 1;
    const version = versions.indexOf(id) + 1;
    if (version === 0) return problem(404, 40403, "Schema not found");
    return json({ subject, id, version, ...sent });
  }

  #byId(id: number): Response {
    const found = this.#schemas[id - 1];
    if (found === undefined) return problem(404, 40403, `Schema ${id} not found`);
    const { schemaType = "AVRO", references = [] } = found;
    return json({
      schema: this.givesText ? 'syntax = "proto3";' : found.schema,
      ...(schemaType !== "AVRO" && { schemaType }),
      ...(references.length > 0 && { references }),
    });
  }
}

function isSame(one: SentSchema, other: SentSchema): boolean {
  const key = ({ schema, schemaType = "AVRO", references = [] }: SentSchema) =>
    JSON.stringify([schema, schemaType, references]);
  return key(one) === key(other);
}

/** The text of a `.proto`, or a compiled file in base 64. */
function isParsable({ schema, schemaType }: SentSchema): boolean {
  if (schemaType !== "PROTOBUF") return true;
  if (schema.startsWith("syntax")) return true;
  try {
    return fromBinary(FileDescriptorProtoSchema, base64Decode(schema)).name !== "";
  } catch {
    return false;
  }
}

function json(body: object, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": MEDIA_TYPE } });
}

/** An answer that says what went wrong, as a registry does. */
export function problem(status: number, code: number, message: string): Response {
  return json({ error_code: code, message }, status);
}
