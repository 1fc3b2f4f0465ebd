import {
  AppClosedError,
  ChainExhaustedError,
  CircuitOpenError,
  domainEvent,
  DuplicateHandlerError,
  EventCycleError,
  EventHandlingError,
  HandlerNotFoundError,
  HandlerSettledError,
  MessageDecodeError,
  MessageEncodeError,
  MessageValidationError,
  NoPublisherError,
  PublishError,
  SluiceError,
} from "@sluice/cqrs";
import {
  ConnectionLostError,
  HttpProblemError,
  StreamFailureError,
  StreamGoneError,
  UnexpectedResponseError,
} from "@sluice/cqrs/client";
import {
  IdempotencyKeyMissingError,
  IdempotencyMismatchError,
  IdempotencyRunningError,
} from "@sluice/cqrs/consumer";
import { ProviderNotFoundError } from "@sluice/cqrs/container";
import { TransactionTooLargeError } from "@sluice/cqrs/deno-kv";
import { BrokerUnavailableError, OutboxLagError } from "@sluice/cqrs/outbox";
import { SlotLostError } from "@sluice/cqrs/postgres-log";
import { SchemaRegistryError } from "@sluice/cqrs/protobuf";
import {
  SagaBusyError,
  SagaFailedError,
  SagaIdError,
  SagaIncompatibleError,
  SagaLagError,
  SagaNotFoundError,
  SagaOperationError,
  SagaStepError,
} from "@sluice/cqrs/saga";
import {
  ConcurrencyError,
  LeaseLostError,
  SchemaVersionError,
  UnknownNotificationError,
} from "@sluice/cqrs/storage";
import { ReplayLogFullError, SseParseError } from "@sluice/cqrs/stream";
import assert from "node:assert/strict";
import { readSettings, readText, root } from "./repository.ts";

const Joined = domainEvent("meeting.joined");
const statistics = { pending: 1, oldestAgeMs: 2, waitingKeys: 3, parkedKeys: 4, deadLetters: 5 };
const sagas = {
  running: 1,
  waiting: 2,
  compensating: 3,
  failed: 4,
  parked: 5,
  oldestDueMs: 6,
  lateSignals: 7,
};
const undone = {
  id: "o1",
  name: "order",
  version: 1,
  status: "compensated",
  parkedReason: undefined,
  context: {},
  error: "The card was refused",
  steps: [],
} as const;

/**
 * One error of every class, made with `cause`. A function without a parameter
 * says that this condition never has a cause.
 */
const samples: Readonly<Record<string, (cause: Error) => SluiceError>> = {
  AppClosedError: (cause) => new AppClosedError({ cause }),
  BrokerUnavailableError: (cause) => new BrokerUnavailableError({ cause }),
  ChainExhaustedError: (cause) => new ChainExhaustedError("meeting.join", { cause }),
  CircuitOpenError: (cause) => new CircuitOpenError("payments", 1_000, { cause }),
  ConcurrencyError: (cause) => new ConcurrencyError({ cause }),
  ConnectionLostError: (cause) => new ConnectionLostError(3, { cause }),
  DuplicateHandlerError: (cause) => new DuplicateHandlerError("meeting.join", { cause }),
  EventCycleError: (cause) => new EventCycleError(["a", "b", "a"], { cause }),
  EventHandlingError: (cause) =>
    new EventHandlingError([{ event: Joined(), error: cause }], undefined),
  HandlerNotFoundError: (cause) => new HandlerNotFoundError("meeting.join", { cause }),
  HandlerSettledError: (cause) => new HandlerSettledError("meeting.join", { cause }),
  HttpProblemError: (cause) => new HttpProblemError(404, {}, { cause }),
  IdempotencyKeyMissingError: (cause) => new IdempotencyKeyMissingError("pay", { cause }),
  IdempotencyMismatchError: (cause) => new IdempotencyMismatchError("key 1", { cause }),
  IdempotencyRunningError: (cause) => new IdempotencyRunningError("key 1", 1_000, { cause }),
  LeaseLostError: (cause) => new LeaseLostError({ cause }),
  MessageDecodeError: (cause) =>
    new MessageDecodeError(new Uint8Array(3), "meeting.join", { cause }),
  MessageEncodeError: (cause) => new MessageEncodeError("meeting.join", { cause }),
  MessageValidationError: (cause) => new MessageValidationError("meeting.join", [], { cause }),
  NoPublisherError: (cause) => new NoPublisherError("meeting.joined", { cause }),
  OutboxLagError: (cause) => new OutboxLagError(statistics, { cause }),
  ProviderNotFoundError: (cause) => new ProviderNotFoundError("Clock", { cause }),
  PublishError: (cause) => new PublishError({ id: "1", topic: "meetings" }, { cause }),
  ReplayLogFullError: (cause) => new ReplayLogFullError(1_000, { cause }),
  SagaBusyError: (cause) => new SagaBusyError("o1", 1_000, { cause }),
  SagaFailedError: (cause) => new SagaFailedError(undone, { cause }),
  SagaIdError: (cause) => new SagaIdError("o1", "order", "trip", { cause }),
  SagaIncompatibleError: (cause) => new SagaIncompatibleError("it has no step", { cause }),
  SagaLagError: (cause) => new SagaLagError(sagas, { cause }),
  SagaNotFoundError: (cause) => new SagaNotFoundError("o1", { cause }),
  SagaOperationError: (cause) =>
    new SagaOperationError("o1", "resume", "it is completed", { cause }),
  SagaStepError: (cause) => new SagaStepError("Error: The card was refused", { cause }),
  SchemaRegistryError: (cause) => new SchemaRegistryError("register a schema", { cause }),
  SchemaVersionError: (cause) => new SchemaVersionError(3, 2, { cause }),
  SlotLostError: (cause) => new SlotLostError("sluice", "missing", { cause }),
  SseParseError: () => new SseParseError(1024),
  StreamFailureError: (cause) => new StreamFailureError({}, { cause }),
  StreamGoneError: (cause) => new StreamGoneError({}, { cause }),
  TransactionTooLargeError: (cause) => new TransactionTooLargeError("mutations", 1_000, { cause }),
  UnexpectedResponseError: (cause) => new UnexpectedResponseError("it is no JSON", { cause }),
  UnknownNotificationError: (cause) => new UnknownNotificationError("noted", "notes", { cause }),
};

type ErrorClass = new (...args: never[]) => SluiceError;

/** The error classes that the entry points export, each with the name of its export. */
async function readErrorClasses(): Promise<Map<string, ErrorClass>> {
  const { exports } = await readSettings();
  const classes = new Map<string, ErrorClass>();
  for (const path of Object.values(exports)) {
    const module: Record<string, unknown> = await import(new URL(path, root).href);
    for (const [name, value] of Object.entries(module)) {
      if (isErrorClass(value)) classes.set(name, value);
    }
  }
  return classes;
}

function isErrorClass(value: unknown): value is ErrorClass {
  return typeof value === "function" && value.prototype instanceof SluiceError;
}

/** The codes of the union `SluiceErrorCode`. */
async function readCodes(): Promise<string[]> {
  const source = await readText("src/errors.ts");
  const union = source.match(/export type SluiceErrorCode =([^;]+);/)?.[1] ?? "";
  return [...union.matchAll(/"(\w+)"/g)].map(([, code = ""]) => code);
}

Deno.test("every exported error class has a sample here, and every sample a class", async () => {
  const classes = await readErrorClasses();
  assert.deepEqual(Object.keys(samples).sort(), [...classes.keys()].sort());
});

Deno.test("SluiceErrorCode has one code for each error class", async () => {
  const used = Object.values(samples).map((create) => create(new Error("Cause")).code);
  assert.deepEqual(used.sort(), (await readCodes()).sort());
});

for (const [name, create] of Object.entries(samples)) {
  Deno.test(`${name} has the name of its class and export`, async () => {
    const error = create(new Error("Cause"));
    assert.equal(error.name, name);
    assert.equal(error.constructor, (await readErrorClasses()).get(name));
  });

  Deno.test(`${name} has a message that starts with a capital and ends without a period`, () => {
    const { message } = create(new Error("Cause"));
    assert.match(message, /^[A-Z]/);
    assert.doesNotMatch(message, /[.!]$/);
    assert.doesNotMatch(message, /\w(?:n't|'re|'ve|'ll|'d|'m)\b|\b(?:it|that|there|what)'s\b/i);
  });

  if (create.length > 0) {
    Deno.test(`${name} forwards its cause`, () => {
      const cause = new Error("Cause");
      assert.equal(create(cause).cause, cause);
    });
  }
}
