import type { HonoRequest } from "hono";
import type { MetadataInit } from "../message/mod.ts";

/** Version, trace id, parent id and flags, as W3C Trace Context writes them; zeros identify nothing. */
const TRACEPARENT = /^(?!ff)[\da-f]{2}-(?!0{32})[\da-f]{32}-(?!0{16})[\da-f]{16}-[\da-f]{2}$/;

/** What can be written to a log and to a broker's header as it is. */
const CORRELATION_ID = /^[\x21-\x7e]{1,128}$/;

/** A key, as a text or in the quotes of a structured field. */
const IDEMPOTENCY_KEY = /^(?:"[\x20\x21\x23-\x5b\x5d-\x7e]{1,255}"|[\x21\x23-\x7e]{1,255})$/;

/** The metadata that a request's headers give its message. What is not well-formed is left out. */
export function metadataOfRequest(req: HonoRequest): MetadataInit {
  const key = idempotencyKeyOf(req);
  return {
    ...(key === undefined ? {} : { headers: { "idempotency-key": key } }),
    traceparent: matching(TRACEPARENT, req.header("traceparent")),
    correlationId: matching(CORRELATION_ID, req.header("x-correlation-id")),
  };
}

/** The idempotency key of a request; `undefined` if there is none, or it is not well-formed. */
export function idempotencyKeyOf(req: HonoRequest): string | undefined {
  return matching(IDEMPOTENCY_KEY, req.header("idempotency-key"))?.replaceAll('"', "");
}

function matching(pattern: RegExp, value: string | undefined): string | undefined {
  return value !== undefined && pattern.test(value) ? value : undefined;
}
