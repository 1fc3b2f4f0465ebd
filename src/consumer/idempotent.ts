import type { MiddlewareContext, StreamAwareMiddleware } from "../mediator/mod.ts";
import { transactionUnit } from "../outbox/mod.ts";
import { LeaseLostError, type Storage, type StorageTransaction } from "../storage/mod.ts";
import {
  IdempotencyKeyMissingError,
  IdempotencyMismatchError,
  IdempotencyRunningError,
} from "./idempotency_errors.ts";
import { fingerprintOf } from "./fingerprint.ts";

/** How {@linkcode idempotent} works. */
export interface IdempotentOptions {
  /**
   * Gives the key of a message; `undefined` if it has none.
   *
   * @default its header `idempotency-key`, which the routes of `@sluice/cqrs/hono` take over from the request
   */
  readonly key?: (context: MiddlewareContext) => string | undefined;
  /**
   * Gives what the key belongs to. Keys of one scope are never mixed up with those of another. Where several
   * users may ask, say here or in the key who does: otherwise one who guesses the key of another gets the
   * answer that was meant for that one.
   *
   * @default the type of the message
   */
  readonly scope?: (context: MiddlewareContext) => string;
  /** Whether a message without a key is refused, instead of being handled each time. @default {false} */
  readonly isRequired?: boolean;
  /**
   * How long nobody else begins what a process has begun that may have died, in milliseconds, above 0: longer
   * than the handler ever takes. One that takes longer is rolled back if somebody else has begun meanwhile.
   *
   * @default {60_000}
   */
  readonly leaseMs?: number;
}

/** The header that a key comes in. */
const HEADER = "idempotency-key";

/**
 * Creates a middleware that handles what is asked for under one idempotency key once: the first that asks
 * runs the handler, and whoever asks again gets its answer. The answer is stored in the transaction in which
 * the handler writes, so that either both are there or neither, whatever dies: it works as
 * `transactional(storage)` does, which need not be used beside it.
 *
 * - **Under way**: who asks meanwhile gets an {@linkcode IdempotencyRunningError} (409 from the routes).
 * - **Other data** under the same key is refused: {@linkcode IdempotencyMismatchError} (422).
 * - **Failed**: a handler that throws has done nothing, and the key is free again.
 * - **The answer** is kept as JSON: who asks again gets what JSON makes of it. A result that has no form in
 *   JSON fails the call, and nothing is done. `inboxPurge` forgets answers when they are old enough.
 * - It needs a second connection to the database while a transaction is open, so not a pool of one.
 *
 * @typeParam Tx The type of the storage's transactions.
 * @throws {RangeError} If the lease is out of its range.
 *
 * @example A client that asks twice pays once
 * ```ts
 * import { bootstrap, command, handlers, type } from "@sluice/cqrs";
 * import { idempotent } from "@sluice/cqrs/consumer";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const Pay = command("pay", type<{ cents: number }>()).returns<{ receipt: number }>();
 * const storage = memoryStorage();
 * const app = bootstrap(
 *   handlers().use(idempotent(storage)).on(Pay, (_data, { tx }) => {
 *     const receipt = Number(tx.client.get("receipts") ?? 0) + 1;
 *     tx.client.set("receipts", receipt);
 *     return { receipt };
 *   }),
 * );
 * const headers = { "idempotency-key": "8e03978e-40d5-43dd-bc93-6894a57f9324" };
 * assert.deepEqual(await app.send(Pay({ cents: 500 }, { headers })), { receipt: 1 });
 * assert.deepEqual(await app.send(Pay({ cents: 500 }, { headers })), { receipt: 1 });
 * await assert.rejects(app.send(Pay({ cents: 700 }, { headers })), { code: "idempotency_mismatch" });
 * ```
 */
export function idempotent<Tx extends StorageTransaction>(
  storage: Storage<Tx>,
  options: IdempotentOptions = {},
): StreamAwareMiddleware<{ readonly tx: Tx }> {
  const { key: keyOf = keyIn, scope: scopeOf = typeOf, isRequired = false } = options;
  const { leaseMs = 60_000 } = options;
  if (!(Number.isFinite(leaseMs) && leaseMs > 0)) {
    throw new RangeError(`Cannot make calls idempotent: leaseMs must be above 0, got ${leaseMs}`);
  }
  return {
    handle(context, next) {
      const run: Run<Tx> = (complete) =>
        storage.transaction(async (tx) => {
          context.signal.throwIfAborted();
          const result = await next({ tx, unitOfWork: transactionUnit(storage, tx, "after") });
          await complete?.(tx, encode(result));
          return result;
        });
      const key = keyOf(context);
      if (key !== undefined) {
        const { data } = context.message;
        return runOnce(storage, { scope: scopeOf(context), key, data, leaseMs }, run);
      }
      if (!isRequired) return run();
      throw new IdempotencyKeyMissingError(context.message.type);
    },
    stream: ({ message }: MiddlewareContext) => refuse(message.type),
    check: ({ type, kind }) => void (kind === "stream" && refuse(type)),
  };
}

/** Runs the handler in a transaction, and does something with its answer before the commit. */
type Run<Tx> = (complete?: (tx: Tx, answer: Uint8Array) => Promise<void>) => Promise<unknown>;

async function runOnce<Tx extends StorageTransaction>(
  { inbox }: Storage<Tx>,
  { scope, key, data, leaseMs }: {
    readonly scope: string;
    readonly key: string;
    readonly data: unknown;
    readonly leaseMs: number;
  },
  run: Run<Tx>,
): Promise<unknown> {
  const owner = crypto.randomUUID();
  const fingerprint = await fingerprintOf(data);
  const claim = await inbox.claim(scope, key, { fingerprint, owner, leaseMs });
  if (claim.state === "done") return decode(claim.answer);
  if (claim.state === "running") throw new IdempotencyRunningError(key, claim.leftMs);
  if (claim.state === "mismatch") throw new IdempotencyMismatchError(key);
  try {
    return await run(async (tx, answer) => {
      // Somebody else has begun since, and may have ended: this one must not count.
      if (!await inbox.complete(tx, scope, key, { owner, answer })) throw new LeaseLostError();
    });
  } catch (error) {
    // It does nothing where a commit has taken effect though its answer was lost.
    await inbox.abandon(scope, key, owner).catch(() => {}); // it ends by itself
    throw error;
  }
}

function typeOf({ message }: MiddlewareContext): string {
  return message.type;
}

function keyIn({ metadata }: MiddlewareContext): string | undefined {
  return metadata.headers[HEADER];
}

/** An answer of nothing is kept as no bytes. */
function encode(result: unknown): Uint8Array {
  if (result === undefined) return new Uint8Array(0);
  const text: string | undefined = JSON.stringify(result);
  if (text === undefined) {
    throw new TypeError(`Cannot keep the answer as JSON has no form for a ${typeof result}`);
  }
  return new TextEncoder().encode(text);
}

function decode(answer: Uint8Array): unknown {
  return answer.length === 0 ? undefined : JSON.parse(new TextDecoder().decode(answer));
}

function refuse(type: string): never {
  throw new TypeError(
    `Cannot stream "${type}" under an idempotency key as a stream has no one answer`,
  );
}
