import type { Envelope } from "../message/mod.ts";
import { beginsAsObject } from "./json_members.ts";
import { isJsonType } from "./media_type.ts";
import { readPythonEvent, writePythonEvent } from "./python_cqrs_event.ts";
import { readPythonHeaders, writePythonHeaders } from "./python_cqrs_headers.ts";
import { pythonTime } from "./python_cqrs_time.ts";
import { asItCame, type WireContext, type WireFormat, type WireMessage } from "./wire_format.ts";

/** What is known of a message that does not say itself what it is. */
export interface PythonCqrsDescription {
  /** The name of the event. */
  readonly type: string;
  /**
   * Its id. Without one a message is known by where it stands on the broker, so what a producer sends
   * twice is handled twice.
   *
   * @default where it stands
   */
  readonly id?: string | undefined;
  /** When it was created. @default when the broker took it */
  readonly time?: Date | undefined;
}

/** How {@linkcode pythonCqrs} reads and writes. */
export interface PythonCqrsOptions {
  /**
   * Says what a message is whose body is no JSON event and which has no header `event_name`, as what
   * `protobuf_value_serializer` of python-cqrs 4 has made. It may look into the body, where such events
   * have their id.
   *
   * @default such messages are refused, and become dead letters
   */
  readonly describe?:
    | ((message: WireMessage, context: WireContext) => PythonCqrsDescription)
    | undefined;
  /**
   * The time zone of the Python services, such as `"Europe/Berlin"`: their times come without one.
   *
   * @default {"UTC"}
   */
  readonly timeZone?: string | undefined;
  /**
   * How times are written: `"utc"` as in `2026-11-28T17:00:00.000Z`, or `"naive"` without a zone, in
   * `timeZone`. Python refuses to compare the one with the other, so `"naive"` is for services that
   * compare `event_timestamp` with `datetime.now()`.
   *
   * @default {"utc"}
   */
  readonly times?: "utc" | "naive" | undefined;
  /** The source of messages that name none, a URI reference. @default {"python-cqrs"} */
  readonly source?: string | undefined;
}

/**
 * The messages of services on [python-cqrs](https://pypi.org/project/python-cqrs/), so that both can
 * share topics. Tested with its versions 4.4.5 and 5.3.0, in both directions.
 *
 * - **JSON events**: the body is the whole event, with `event_id`, `event_timestamp`, `event_name`,
 *   `topic` and `payload`, which is the data. The names that its dataclasses write, such as `eventId`,
 *   are understood too; those within the payload come as they are. Ids are UUIDs; one without hyphens
 *   gets them. What a class has beside the payload is not read.
 * - **Other bodies**, such as protobuf: the body is what the codec made, alone. The headers `event_name`
 *   and `message_id` say what it is, as in python-cqrs 5; for version 4 there is `describe`. Its
 *   `protobuf_value_serializer` is the `registryProtobufCodec` of `@sluice/cqrs/protobuf`, and the
 *   `ProtobufEventSerializer` of version 5 is `protobufCodec`. Both encode what the method `proto()` of
 *   the event gives: often the whole event, and then the message is that here too.
 *
 * What python-cqrs has no place for is in headers that it does not look at: `source`, `correlation_id`,
 * `causation_id`, `traceparent` and `schema_version`, `event_timestamp` beside other bodies, and the
 * application's own.
 *
 * Writing throws a `TypeError` if the id is no UUID, if the body is compressed, or if a header of the
 * application's own has one of the names above. Reading throws one if a message is not an event.
 *
 * @throws {RangeError} If there is no such time zone.
 *
 * @example What is on the wire
 * ```ts
 * import { jsonCodec, notification, toEnvelope, type } from "@sluice/cqrs";
 * import { pythonCqrs } from "@sluice/cqrs/consumer";
 * import assert from "node:assert/strict";
 *
 * const Joined = notification("user.joined", { topic: "users", data: type<{ user_id: string }>() });
 * const joined = Joined({ user_id: "u1" });
 * const envelope = await toEnvelope(joined, { codec: jsonCodec(), source: "/meetings" });
 *
 * const format = pythonCqrs(); // or, for Kafka: kafkaPublisher({ …, format: pythonCqrs() })
 * const message = format.write(envelope);
 * assert.deepEqual(JSON.parse(new TextDecoder().decode(message.body)), {
 *   event_id: joined.metadata.id,
 *   event_timestamp: joined.metadata.time.toISOString(),
 *   event_name: "user.joined",
 *   topic: "users",
 *   payload: { user_id: "u1" },
 * });
 * const read = format.read(message, { topic: "users", fallbackId: "users/0/1", time: undefined });
 * assert.deepEqual(read, envelope);
 * ```
 */
export function pythonCqrs(options: PythonCqrsOptions = {}): WireFormat {
  const { describe, times = "utc", timeZone = "UTC", source = "python-cqrs" } = options;
  const time = pythonTime(timeZone);
  const writeTime = times === "naive"
    ? time.writeNaive
    : (instant: Date): string => instant.toISOString();
  return {
    write: (envelope) => asItCame(envelope) ?? write(envelope, writeTime),
    read(message, context) {
      const { attributes, headers } = readPythonHeaders(message.headers);
      const event = attributes["event_name"] === undefined && beginsAsObject(message.body)
        ? readPythonEvent(message.body, time.read)
        : readBare(message, context, { describe, readTime: time.read });
      const { id = context.fallbackId } = event;
      return {
        id,
        type: event.type,
        topic: context.topic,
        source: attributes.source ?? source,
        time: event.time ?? context.time ?? new Date(0),
        key: message.key,
        correlationId: attributes["correlation_id"] ?? id,
        causationId: attributes["causation_id"],
        traceparent: attributes.traceparent,
        schemaVersion: attributes["schema_version"],
        contentType: event.contentType,
        headers,
        body: event.body,
      };
    },
  };
}

function write(envelope: Envelope, writeTime: (time: Date) => string): WireMessage {
  const { key, contentType } = envelope;
  if ("content-encoding" in envelope.headers) {
    throw new TypeError("Cannot send a compressed body to python-cqrs");
  }
  return isJsonType(contentType)
    ? {
      key,
      contentType,
      headers: writePythonHeaders(envelope, "json"),
      body: writePythonEvent(envelope, writeTime),
    }
    : { key, contentType, headers: writePythonHeaders(envelope, "bare"), body: envelope.body };
}

function readBare(
  message: WireMessage,
  context: WireContext,
  { describe, readTime }: Pick<PythonCqrsOptions, "describe"> & {
    readonly readTime: (text: string) => Date;
  },
): PythonCqrsDescription & Pick<Envelope, "contentType" | "body"> {
  const { contentType = "application/x-protobuf", body, headers } = message;
  const { "event_name": type, "message_id": id, "event_timestamp": text } = headers;
  const time = text === undefined ? undefined : readTime(text);
  if (type !== undefined) return { type, id, time, contentType, body };
  if (describe !== undefined) return { ...describe(message, context), contentType, body };
  throw new TypeError("Cannot read a message that is no JSON event and has no header event_name");
}
