import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  type Logger,
  logging,
  type LogLevel,
  streamRequest,
  type,
} from "../../../mod.ts";

import { ManualClock } from "../../../src/testing/mod.ts";

const Join = command("meeting.join", type<{ userId: string }>());
const Fail = command("meeting.fail");
const Items = streamRequest("items").yields<number>();
const Entered = domainEvent("meeting.entered");

interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  readonly properties: Record<string, unknown>;
}

/** A logger that keeps what it gets, of the levels that are enabled. */
class MemoryLogger implements Logger {
  readonly records: LogRecord[] = [];
  readonly #enabled: readonly LogLevel[];

  constructor(enabled: readonly LogLevel[] = ["debug", "info", "warning", "error"]) {
    this.#enabled = enabled;
  }

  debug(message: string, properties: Record<string, unknown>): void {
    this.records.push({ level: "debug", message, properties });
  }
  info(message: string, properties: Record<string, unknown>): void {
    this.records.push({ level: "info", message, properties });
  }
  warning(message: string, properties: Record<string, unknown>): void {
    this.records.push({ level: "warning", message, properties });
  }
  error(message: string, properties: Record<string, unknown>): void {
    this.records.push({ level: "error", message, properties });
  }
  isEnabledFor(level: LogLevel): boolean {
    return this.#enabled.includes(level);
  }
}

const failure = new Error("Failed");

/** An app that logs, with a handler of every kind. */
function loggingApp(...options: Parameters<typeof logging>) {
  return bootstrap(
    handlers()
      .use(logging(...options))
      .on(Join, (_data, { emit }) => emit(Entered()))
      .on(Fail, () => Promise.reject(failure))
      .on(Entered, () => {})
      .on(Items, async function* () {
        yield 1;
        yield 2;
      }),
  );
}

Deno.test("logging() logs how a message was handled, without its data", async () => {
  const logger = new MemoryLogger();
  const message = Join({ userId: "secret" });
  await loggingApp(logger).send(message);
  const [{ level, message: text, properties } = assert.fail("Nothing was logged")] = logger.records;
  const { durationMs, ...rest } = properties;
  assert.equal(level, "debug");
  assert.equal(text, "Handled {type} in {durationMs} ms");
  assert.deepEqual(rest, { kind: "command", type: "meeting.join", id: message.metadata.id });
  assert.ok(Number(durationMs) >= 0);
  assert.ok(!JSON.stringify(logger.records).includes("secret"));
});

Deno.test("logging() logs the handlers of events", async () => {
  const logger = new MemoryLogger();
  await loggingApp(logger).send(Join({ userId: "u1" }));
  assert.deepEqual(logger.records.map(({ properties: { kind, type } }) => [kind, type]), [
    ["command", "meeting.join"],
    ["event", "meeting.entered"],
  ]);
});

Deno.test("logging() logs a stream once, when it has ended", async () => {
  const logger = new MemoryLogger();
  for await (const _item of loggingApp(logger).stream(Items())) {
    assert.deepEqual(logger.records, []);
  }
  assert.deepEqual(logger.records.map(({ properties: { kind, type } }) => [kind, type]), [
    ["stream", "items"],
  ]);
});

Deno.test("logging() logs the error of a failed handler and passes it on unchanged", async () => {
  const logger = new MemoryLogger();
  await assert.rejects(loggingApp(logger).send(Fail()), (error) => error === failure);
  const [{ level, message, properties } = assert.fail("Nothing was logged")] = logger.records;
  assert.equal(level, "error");
  assert.equal(message, "Failed to handle {type} after {durationMs} ms");
  assert.equal(properties["error"], failure);
  assert.equal(properties["type"], "meeting.fail");
});

Deno.test("logging() uses the levels that it is given", async () => {
  const logger = new MemoryLogger();
  const app = loggingApp(logger, { level: "info", failureLevel: "warning" });
  await app.send(Join({ userId: "u1" }));
  await app.send(Fail()).catch(() => {});
  assert.deepEqual(logger.records.map(({ level }) => level), ["info", "info", "warning"]);
});

Deno.test("logging() adds the properties that it is told to add", async () => {
  const logger = new MemoryLogger();
  const app = loggingApp(logger, {
    properties: ({ metadata }) => ({ tenant: metadata.headers["tenant"] }),
  });
  await app.send(Join({ userId: "u1" }, { headers: { tenant: "t1" } }));
  assert.equal(logger.records[0]?.properties["tenant"], "t1");
});

Deno.test("logging() logs to a logger that does not tell which levels are enabled", async () => {
  const records: unknown[] = [];
  const log = (...record: unknown[]) => void records.push(record);
  await loggingApp({ debug: log, info: log, warning: log, error: log }).send(
    Join({ userId: "u1" }),
  );
  assert.equal(records.length, 2);
});

Deno.test("logging() computes nothing when its levels are off", async () => {
  const logger = new MemoryLogger([]);
  const now = performance.now;
  const app = loggingApp(logger, { properties: () => assert.fail("computed") });
  performance.now = () => assert.fail("measured");
  try {
    await app.send(Join({ userId: "u1" }));
    await assert.rejects(app.send(Fail()), failure);
    await Array.fromAsync(app.stream(Items()));
  } finally {
    performance.now = now;
  }
  assert.deepEqual(logger.records, []);
});

Deno.test("logging() computes no record for the level that is off", async () => {
  const logger = new MemoryLogger(["error"]);
  let computed = 0;
  const app = loggingApp(logger, { properties: () => ({ computed: ++computed }) });
  await app.send(Join({ userId: "u1" }));
  assert.equal(computed, 0);
  await assert.rejects(app.send(Fail()), failure);
  assert.deepEqual(logger.records.map(({ level }) => level), ["error"]);
});

Deno.test("logging() asks for each message anew whether its levels are enabled", async () => {
  const logger = new MemoryLogger();
  let isEnabled = false;
  logger.isEnabledFor = () => isEnabled;
  const app = loggingApp(logger);
  await app.send(Join({ userId: "u1" }));
  isEnabled = true;
  await app.send(Join({ userId: "u1" }));
  assert.equal(logger.records.length, 2);
});

Deno.test("a logging middleware that is used twice logs once", async () => {
  const logger = new MemoryLogger();
  const middleware = logging(logger);
  const app = bootstrap(
    handlers().use(middleware).use(middleware).on(Items, async function* () {}),
    {
      middlewares: [middleware],
    },
  );
  await Array.fromAsync(app.stream(Items()));
  assert.equal(logger.records.length, 1);
});

Deno.test("a logger that throws at the record of a success rejects the call, and gets no record of a failure", async () => {
  const broken = new Error("Disk full");
  const logger = new MemoryLogger();
  logger.debug = () => {
    throw broken;
  };
  await assert.rejects(loggingApp(logger).send(Join({ userId: "u1" })), broken);
  assert.deepEqual(logger.records, []);
});

Deno.test("logging() measures with the clock that it is given", async () => {
  const clock = new ManualClock();
  const logger = new MemoryLogger();
  const app = bootstrap(
    handlers().use(logging(logger, { clock })).on(Join, () => clock.advance(250)),
  );
  await app.send(Join({ userId: "u1" }));
  assert.equal(logger.records[0]?.properties.durationMs, 250);
});
