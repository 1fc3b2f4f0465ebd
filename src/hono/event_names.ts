/**
 * The names that the events of a run bear. `EventSource` hands each to the listeners of its name, and
 * those that are called `message` to `onmessage`.
 *
 * A name is not empty, has no line end, is no other event's, and is neither `error` nor `open`: those
 * an `EventSource` dispatches by itself.
 *
 * @typeParam I The items of the run.
 */
export interface EventNames<in I = unknown> {
  /** The name of the first event, which tells the id of the run. @default {"start"} */
  readonly start?: string;
  /**
   * The name of an item, or a function that gives it. A name of the function that cannot be used ends
   * the run with a failure.
   *
   * @default {"item"}
   */
  readonly item?: string | ((item: I) => string);
  /** The name of the last event of a run that failed. @default {"failure"} */
  readonly failure?: string;
  /** The name of the last event of a run that succeeded. @default {"done"} */
  readonly done?: string;
  /** The name of the event that tells of a run which is gone. @default {"stream_gone"} */
  readonly "stream_gone"?: string;
}

/** The names of all events of a run. */
export interface NamesInUse<in I> {
  readonly start: string;
  readonly failure: string;
  readonly done: string;
  readonly gone: string;
  /**
   * Gives the name of an item.
   *
   * @throws {RangeError} If it is none that can be used.
   */
  readonly ofItem: (item: I) => string;
}

/** What an `EventSource` dispatches when its connection opens and breaks. */
const KEPT: ReadonlySet<string> = new Set(["error", "open"]);

/**
 * Completes the names of events.
 *
 * @throws {RangeError} If one of them cannot be used.
 */
export function namesInUse<I>(names: EventNames<I> = {}): NamesInUse<I> {
  const { start = "start", item = "item", failure = "failure", done = "done" } = names;
  const { stream_gone: gone = "stream_gone" } = names;
  const taken = new Set<string>();
  function take(event: string, name: unknown): void {
    taken.add(usable(name, taken, `Cannot make routes: eventNames.${event}`));
  }
  for (const [event, name] of Object.entries({ start, failure, done, stream_gone: gone })) {
    take(event, name);
  }
  if (typeof item !== "function") {
    take("item", item);
    return { start, failure, done, gone, ofItem: () => item };
  }
  const ofItem = (value: I) => usable(item(value), taken, "Cannot name an item: the name");
  return { start, failure, done, gone, ofItem };
}

/** The name, if it is one that no other event bears. */
function usable(name: unknown, taken: ReadonlySet<string>, what: string): string {
  if (typeof name !== "string" || name === "" || /[\r\n]/.test(name) || KEPT.has(name)) {
    throw new RangeError(
      `${what} must be a line of text other than "error" and "open", got ${JSON.stringify(name)}`,
    );
  }
  if (taken.has(name)) throw new RangeError(`${what} is that of another event: "${name}"`);
  return name;
}
