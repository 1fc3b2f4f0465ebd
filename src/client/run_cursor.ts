import type { SseMessage } from "../stream/mod.ts";
import { StreamFailureError, StreamGoneError, UnexpectedResponseError } from "./client_errors.ts";
import { readAs } from "./exchange.ts";
import { parseProblem } from "./problem_details.ts";

/**
 * The names of the events, where the route gives them others; its option `eventNames` fits here as it
 * is.
 */
export interface ClientEventNames {
  /** The name of the first event. @default {"start"} */
  readonly start?: string;
  /** Is not looked at: ids tell items from other events. @default anything */
  readonly item?: string | ((item: never) => string);
  /** The name of the last event of a run that failed. @default {"failure"} */
  readonly failure?: string;
  /** The name of the last event of a run that succeeded. @default {"done"} */
  readonly done?: string;
  /** The name of the event that tells of a run which is gone. @default {"stream_gone"} */
  readonly "stream_gone"?: string;
}

/** The run, and the number of the event or `end`; it is sent back in a header. */
const EVENT_ID = /^([\x21-\x7e]+):(\d+|end)$/;

/**
 * Follows the events of one run over any number of connections, and sees to it that none is
 * skipped, repeated or out of order.
 *
 * A connection may begin with events that are known already, as far back as it likes, and must then
 * give each number after the other. Those of a saga are places in its log, of which not all are told, so
 * they rise.
 */
export class RunCursor {
  readonly #names: Required<Omit<ClientEventNames, "item">>;
  #run: string | undefined;
  /** The number of the last event of the run; `start` is number 0. */
  #last = -1;
  #count = 0;
  /** The number of the last event of this connection. */
  #at: number | undefined;
  #isOver = false;
  #url: string | undefined;
  #isSaga = false;

  constructor(names: ClientEventNames) {
    this.#names = {
      start: "start",
      failure: "failure",
      done: "done",
      stream_gone: "stream_gone",
      ...names,
    };
  }

  /** How many events have come, without those that were known already. */
  get count(): number {
    return this.#count;
  }

  /** Whether the run has ended, or is gone. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether it is a saga, which nobody cancels by leaving. */
  get isSaga(): boolean {
    return this.#isSaga;
  }

  /** The id to resume after; `undefined` before the first event. */
  get lastEventId(): string | undefined {
    return this.#run === undefined ? undefined : `${this.#run}:${this.#last}`;
  }

  /** Where the run can be resumed, as `start` says it. */
  get url(): string | undefined {
    return this.#url;
  }

  /** Begins a new connection. */
  connect(): void {
    this.#at = undefined;
  }

  /**
   * Takes the next event.
   *
   * @returns The data of an item that is new.
   * @throws {StreamFailureError | StreamGoneError} If that is what the event says.
   * @throws {UnexpectedResponseError} If the event cannot be the next of the run.
   */
  accept({ event, data, lastEventId }: SseMessage): string | undefined {
    const names = this.#names;
    if (event === names.stream_gone) {
      this.#isOver = true;
      throw new StreamGoneError(parseProblem(data));
    }
    const [, run, position] = EVENT_ID.exec(lastEventId) ?? [];
    if (run === undefined || position === undefined || !this.#isNext(event, run, position)) {
      throw new UnexpectedResponseError(
        `an event "${event}" with the id "${lastEventId}" after ${this.count} events`,
      );
    }
    if (position === "end") {
      this.#isOver = true;
      if (event === names.failure) throw new StreamFailureError(parseProblem(data));
      return undefined;
    }
    this.#at = Number(position);
    if (this.#at <= this.#last) return undefined;
    this.#last = this.#at;
    this.#count++;
    if (this.#at > 0) return data;
    this.#run = run;
    const { url, isSaga } = parseStart(data);
    this.#url = url;
    this.#isSaga = isSaga;
    return undefined;
  }

  #isNext(event: string, run: string, position: string): boolean {
    const { start, done, failure } = this.#names;
    const isEnd = event === done || event === failure;
    if (position === "end") return isEnd && run === this.#run;
    const number = Number(position);
    if (isEnd || (event === start) !== (number === 0)) return false;
    if (this.#run !== undefined && run !== this.#run) return false;
    if (this.#isSaga) return this.#at === undefined || number > this.#at;
    return this.#at === undefined ? number <= this.#last + 1 : number === this.#at + 1;
  }
}

/** What the data of `start` says; only a run that can be resumed has a URL. */
function parseStart(
  data: string,
): { readonly url: string | undefined; readonly isSaga: boolean } {
  return readAs("start of a run", () => {
    const { url, kind }: { readonly url?: unknown; readonly kind?: unknown } = JSON.parse(data);
    return { url: typeof url === "string" ? url : undefined, isSaga: kind === "saga" };
  });
}
