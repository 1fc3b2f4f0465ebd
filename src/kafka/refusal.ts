/**
 * The answers by which a broker refuses records for good, by their names in the protocol, which both
 * clients use. Everything else says nothing about a record: it may pass the next time.
 */
const REFUSALS: ReadonlySet<unknown> = new Set([
  "INVALID_RECORD",
  "INVALID_REQUIRED_ACKS",
  "INVALID_TIMESTAMP",
  "INVALID_TOPIC_EXCEPTION",
  "KAFKAJS_UNKNOWN_ERROR_CODE",
  "MESSAGE_TOO_LARGE",
  "POLICY_VIOLATION",
  "RECORD_LIST_TOO_LARGE",
  "TOPIC_AUTHORIZATION_FAILED",
  "UNSUPPORTED_FOR_MESSAGE_FORMAT",
]);

/** Whether an error of a client, or one that it was caused by, is such an answer. */
export function isRefusal(error: unknown): boolean {
  return causesOf(error).some((each) => REFUSALS.has(nameInProtocol(each))) ||
    isUnknownTopic(error);
}

/** Whether an error says that a topic is not there. */
export function isUnknownTopic(error: unknown): boolean {
  return isProtocolError(error, "UNKNOWN_TOPIC_OR_PARTITION") ||
    causesOf(error).some((each) =>
      // That of platformatic has no name of its own.
      each instanceof Error && "code" in each && each.code === "PLT_KFK_USER" &&
      each.message.startsWith("Unknown topic ")
    );
}

/** Whether an error, or one that it was caused by, has this name in the protocol. */
export function isProtocolError(error: unknown, name: string): boolean {
  return causesOf(error).some((each) => nameInProtocol(each) === name);
}

/** The name of an answer in Kafka's protocol: kafkajs calls it `type`, platformatic `apiId`. */
function nameInProtocol(error: object): unknown {
  if ("type" in error) return error.type;
  return "apiId" in error ? error.apiId : undefined;
}

/** An error, and all that it was caused by. */
export function causesOf(error: unknown): readonly object[] {
  const found = new Set<object>();
  const open = [error];
  for (const each of open) {
    if (typeof each !== "object" || each === null || found.has(each)) continue;
    found.add(each);
    if ("cause" in each) open.push(each.cause);
    if ("errors" in each && Array.isArray(each.errors)) open.push(...each.errors);
  }
  return [...found];
}
