/**
 * Messages as values with wire names: their definitions, their validation at
 * the edges, and the envelope in which they leave the process.
 *
 * @module
 */

export { type Codec, jsonCodec, MessageDecodeError, MessageEncodeError } from "./codec.ts";
export {
  compressBody,
  type CompressionFormat,
  type CompressionOptions,
  decompressBody,
} from "./compression.ts";
export {
  command,
  type CommandDefinition,
  type Definition,
  domainEvent,
  type DomainEventDefinition,
  type MessageArguments,
  notification,
  type NotificationDefinition,
  type NotificationOptions,
  query,
  type QueryDefinition,
  sagaRequestDefinition,
  streamRequest,
  type StreamRequestDefinition,
  type SurvivesJson,
} from "./definition.ts";
export { type Envelope, type EnvelopeOptions, toEnvelope } from "./envelope.ts";
export type {
  Answer,
  AnyEvent,
  AnyMessage,
  AnyRequest,
  AnyStreamRequest,
  Command,
  DataOf,
  DomainEvent,
  ItemOf,
  Message,
  MessageKind,
  MessageMetadata,
  MessageOf,
  MetadataInit,
  Notification,
  Query,
  ResultOf,
  SagaAnswer,
  SagaRequest,
  StreamRequest,
} from "./message.ts";
export { metadataOf, withData } from "./message_value.ts";
export { uuidv7 } from "./uuid.ts";
export {
  type AnySchema,
  type InputOf,
  type JsonOf,
  type LeftOutOfJson,
  type NotJson,
  type OutputOf,
  type PlainJson,
  type SchemaIssue,
  type SchemaResult,
  type StandardSchema,
  type,
} from "./schema.ts";
export { MessageValidationError, validate, type ValidationIssue } from "./validation.ts";
