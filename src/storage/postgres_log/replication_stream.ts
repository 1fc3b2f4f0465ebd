import { LogicalReplicationService, PgoutputPlugin } from "pg-logical-replication";
import type { Clock } from "../../clock.ts";
import { withDeadline } from "../../resilience/mod.ts";
import { INSERT, type LogEntry, MESSAGE, readEntry } from "./log_entry.ts";
import { formatLsn, type Lsn, parseLsn } from "./lsn.ts";

/** Takes what a stream brings, in the order of the log. What it throws ends the stream. */
export interface LogSink {
  /** A transaction begins whose commit stands at `lsn`. All that comes before its end was committed. */
  begin(lsn: Lsn, xid: number, committedAt: Date): void;
  /** The transaction has inserted a row into a table of the publication. */
  insert(schema: string, table: string): void;
  /** Whether it is of use to know of more rows of the transaction. */
  readonly wantsRows: boolean;
  /** The transaction has left a message with the prefix. Its content is valid during the call alone. */
  message(entry: LogEntry): void;
  /** The transaction ends. */
  commit(endLsn: Lsn): void;
  /** All that the server has to tell of what stands before `lsn` has been told. */
  reached(lsn: Lsn): void;
  /** Resolves when there is room for more; `undefined` if there is. */
  room(): Promise<void> | undefined;
}

/** What {@linkcode ReplicationStream.open} needs. */
export interface StreamOptions {
  /** How `pg` is to connect. */
  readonly connection: Readonly<Record<string, unknown>>;
  readonly slot: string;
  readonly publication: string;
  /** Which messages are meant. */
  readonly prefix: string;
  /** Up to where the slot was confirmed. */
  readonly confirmed: Lsn;
  /** How long connecting may take, and how long the server may be silent after it was asked to answer. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** Gives up connecting. */
  readonly signal: AbortSignal;
}

/** How long the good-bye to a server may take that does not answer. */
const CLOSE_MS = 1_000;

/** The messages of `PgoutputPlugin` that are of use here. */
type Decoded = ReturnType<PgoutputPlugin["parse"]>;

/**
 * A connection that reads the log through a slot, until it breaks or is closed. What the client library
 * would acknowledge by itself it leaves alone: that would be what has come, and not what is done.
 */
export class ReplicationStream {
  /** Resolves when the stream has ended, to what it broke of. */
  readonly ended: Promise<unknown>;
  readonly #service: LogicalReplicationService;
  readonly #sink: LogSink;
  readonly #options: StreamOptions;
  readonly #prefix: Uint8Array;
  #socket: Socket | undefined;
  #isPaused = false;
  #end: (error: unknown) => void = () => {};
  #confirmed: Lsn;
  #isOver = false;
  /** Whether something has come since the server was asked to answer. */
  #isHeard = true;
  #cancelTimer: (() => void) | undefined;

  private constructor(options: StreamOptions, sink: LogSink) {
    this.#options = options;
    this.#sink = sink;
    this.#prefix = new TextEncoder().encode(options.prefix);
    this.#confirmed = options.confirmed;
    this.#service = new LogicalReplicationService(options.connection, {
      // The timer of the library acknowledges the last place that has come.
      acknowledge: { auto: false, timeoutSeconds: 0 },
    });
    this.ended = new Promise((resolve) => this.#end = resolve);
    this.#service.on("error", (error) => this.#end(error));
    this.#service.on("heartbeat", (lsn, _time, asksForAnswer) =>
      this.#guard(() => {
        if (asksForAnswer) this.#send(false);
        this.#sink.reached(parseLsn(lsn));
      }));
  }

  /**
   * Connects, and resolves when the server sends.
   *
   * @throws Whatever the server or the network has refused it with, a `DOMException` named
   * `"TimeoutError"`, or the reason of the signal.
   */
  static async open(options: StreamOptions, sink: LogSink): Promise<ReplicationStream> {
    const stream = new ReplicationStream(options, sink);
    const { timeoutMs, clock, signal } = options;
    try {
      await withDeadline(timeoutMs, () => stream.#start(), { clock, signal });
    } catch (error) {
      await stream.close();
      throw error;
    }
    stream.#schedule();
    return stream;
  }

  /** Says that all before a place is done, so that it does not come again. */
  acknowledge(lsn: Lsn): void {
    if (lsn <= this.#confirmed || this.#isOver) return;
    this.#confirmed = lsn;
    this.#send(false);
  }

  /** Asks the server up to where it is; see {@linkcode LogSink.reached}. */
  ask(): void {
    if (!this.#isOver) this.#send(true);
  }

  /** Ends the stream. It never rejects. */
  async close(): Promise<void> {
    this.#isOver = true;
    this.#cancelTimer?.();
    this.#end(undefined);
    this.#socket?.resume(); // otherwise it would not see its end
    const stopping = this.#service.stop().catch(() => {});
    await withDeadline(CLOSE_MS, () => stopping).catch(() => {});
  }

  #start(): Promise<void> {
    const { slot, publication } = this.#options;
    const decoder = new PgoutputPlugin({
      protoVersion: 1,
      publicationNames: [publication],
      messages: true,
    });
    const plugin = {
      name: decoder.name,
      options: decoder.options,
      start: (...parameters: Parameters<PgoutputPlugin["start"]>) => {
        // Whoever closes it while it connects must not leave a stream behind that nobody knows.
        if (this.#isOver) throw new Error("The stream was closed");
        this.#socket = socketOf(parameters[0]);
        return decoder.start(...parameters);
      },
      parse: (bytes: Parameters<PgoutputPlugin["parse"]>[0]) =>
        this.#guard(() => this.#decode(bytes, decoder)),
    };
    return new Promise((resolve, reject) => {
      this.#service.on("start", () => resolve());
      // 0/0 is where the slot was confirmed. The library would go on behind what it has received.
      this.#service.subscribe(plugin, slot, "0/0").then(
        () => this.#end(new Error("The server has ended the stream")),
        (error) => {
          reject(error);
          this.#end(error);
        },
      );
    });
  }

  /** An error in a listener of a socket would end the process. */
  #guard(act: () => void): void {
    if (this.#isOver) return;
    this.#isHeard = true;
    try {
      act();
    } catch (error) {
      this.#isOver = true;
      this.#end(error);
    }
  }

  #decode(bytes: Parameters<PgoutputPlugin["parse"]>[0], decoder: PgoutputPlugin): void {
    const [kind] = bytes;
    if (kind === MESSAGE) {
      const entry = readEntry(bytes, this.#prefix);
      if (entry !== undefined) this.#sink.message(entry);
    } else if (kind !== INSERT || this.#sink.wantsRows) {
      this.#take(decoder.parse(bytes));
    }
    if (!this.#isPaused) this.#pauseIfFull();
  }

  /** Without room, nothing more is read from the socket, so that the server has to wait. */
  #pauseIfFull(): void {
    const room = this.#sink.room();
    if (room === undefined) return;
    this.#isPaused = true;
    this.#socket?.pause();
    room.then(() => {
      this.#isPaused = false;
      this.#socket?.resume();
    });
  }

  #take(message: Decoded): void {
    switch (message.tag) {
      case "begin":
        return this.#sink.begin(lsnOf(message.commitLsn), message.xid, timeOf(message.commitTime));
      case "insert":
        return this.#sink.insert(message.relation.schema, message.relation.name);
      case "commit":
        return this.#sink.commit(lsnOf(message.commitEndLsn));
    }
  }

  #send(asksForAnswer: boolean): void {
    // The library adds 1 to what it is given, which is to be the last byte that is done. A place is the
    // first byte that is not: one more, and the server would skip a commit that stands right there.
    this.#service.acknowledge(formatLsn(this.#confirmed - 1n), asksForAnswer).catch((error) =>
      this.#end(error)
    );
  }

  /** A connection can die without anybody being told, and a server gives up on a client that is silent. */
  #schedule(): void {
    const { clock, timeoutMs } = this.#options;
    this.#cancelTimer = clock.setTimer(() => {
      if (this.#isOver) return;
      if (!this.#isHeard) {
        return this.#end(new DOMException("The server does not answer", "TimeoutError"));
      }
      this.#isHeard = this.#isPaused; // then nothing can be heard
      this.#send(true);
      this.#schedule();
    }, timeoutMs);
  }
}

/** The connection below a client of `pg`. */
interface Socket {
  pause(): unknown;
  resume(): unknown;
}

/** The types of `pg` do not tell it, but others that read streams with it rely on it too. */
function socketOf(client: unknown): Socket {
  const { stream } = Object(Object(client).connection);
  if (typeof stream?.pause === "function" && typeof stream.resume === "function") return stream;
  throw new TypeError("Cannot read the log as this version of pg has no stream that can be paused");
}

/** The library makes nothing of 0/0, where no transaction can stand. */
function lsnOf(text: string | null): Lsn {
  return parseLsn(text ?? "0/0");
}

/** The time that the library gives in microseconds. */
function timeOf(microseconds: unknown): Date {
  return new Date(Number(microseconds) / 1_000);
}
