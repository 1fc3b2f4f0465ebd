import type { ReplayWriter, SseEvent } from "../stream/mod.ts";

/** The events of a run, which can be left at any time. */
export interface RunSource {
  next(): Promise<IteratorResult<SseEvent, undefined>>;
  return(): Promise<unknown>;
}

/**
 * Writes the events of a run to a replay log, each when it is wanted; ends with the last one or
 * when nobody will read them any more, and then has left the source.
 *
 * @param isLast Tells the last event.
 * @throws What the log throws, if it fails.
 */
export async function record(
  source: RunSource,
  writer: ReplayWriter,
  isLast: (event: SseEvent) => boolean,
  onFailure: (error: unknown) => Promise<void>,
): Promise<void> {
  const { signal } = writer;
  // At once, also while the source is at work.
  const leave = () => void source.return().catch(() => {});
  signal.addEventListener("abort", leave, { once: true });
  try {
    for (let isOver = false; !isOver;) {
      await writer.wanted();
      const result = await source.next();
      if (result.done === true) return;
      const { event = "message", data } = result.value;
      isOver = isLast(result.value);
      await writer.append({ event, data, isLast: isOver });
    }
  } catch (error) {
    if (!signal.aborted) await onFailure(error);
  } finally {
    signal.removeEventListener("abort", leave);
    await source.return();
  }
}
