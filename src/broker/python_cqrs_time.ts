/** Reads and writes times as Python does, where they may come without a zone. */
export interface PythonTime {
  /** @throws {TypeError} If it is not a time in ISO 8601. */
  read(text: string): Date;
  /** Writes a time without a zone, with three of the six digits that Python has. */
  writeNaive(time: Date): string;
}

const ISO = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d(?:\.\d+)?)(Z|[+-]\d\d:\d\d)?$/;

/**
 * @param timeZone The zone of times that do not say theirs, by its name.
 * @throws {RangeError} If there is no such zone.
 */
export function pythonTime(timeZone: string): PythonTime {
  const offsetAt = offsets(timeZone);
  return {
    read(text) {
      const [, date, clock, zone] = ISO.exec(text) ?? [];
      const shown = new Date(`${date}T${clock}${zone ?? "Z"}`).getTime();
      if (Number.isNaN(shown)) throw new TypeError(`Cannot read the time "${text}"`);
      if (zone !== undefined) return new Date(shown);
      // The offset that counts is that of the time looked for, which differs around a change of clocks.
      const near = shown - offsetAt(shown);
      return new Date(shown - offsetAt(near));
    },
    writeNaive(time) {
      const shown = new Date(time.getTime() + offsetAt(time.getTime()));
      return shown.toISOString().slice(0, -1);
    },
  };
}

/** How many milliseconds clocks in a zone are ahead of UTC at a time. */
function offsets(timeZone: string): (time: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  if (format.resolvedOptions().timeZone === "UTC") return () => 0;
  return (time) => {
    const parts = format.formatToParts(time);
    const part = (name: string) => Number(parts.find(({ type }) => type === name)?.value);
    const shown = Date.UTC(
      part("year"),
      part("month") - 1,
      part("day"),
      part("hour"),
      part("minute"),
      part("second"),
    );
    return shown - Math.floor(time / 1_000) * 1_000;
  };
}
