import assert from "node:assert/strict";
import { pythonTime } from "../../../src/broker/python_cqrs_time.ts";

const cases = [
  ["UTC", "2026-07-01T12:00:00.123456", "2026-07-01T12:00:00.123Z"],
  ["UTC", "2026-07-01 12:00:00", "2026-07-01T12:00:00.000Z"],
  ["UTC", "2026-07-01T12:00:00+05:30", "2026-07-01T06:30:00.000Z"],
  ["Europe/Berlin", "2026-07-01T12:00:00", "2026-07-01T10:00:00.000Z"],
  ["Europe/Berlin", "2026-01-01T00:30:00", "2025-12-31T23:30:00.000Z"],
  ["Europe/Berlin", "2026-01-01T00:30:00Z", "2026-01-01T00:30:00.000Z"],
  ["Asia/Kolkata", "2026-01-01T00:00:00.5", "2025-12-31T18:30:00.500Z"],
  // The hours on both sides of a change of clocks, on 29 March at 01:00 UTC.
  ["Europe/Berlin", "2026-03-29T01:59:59.999", "2026-03-29T00:59:59.999Z"],
  ["Europe/Berlin", "2026-03-29T03:00:00", "2026-03-29T01:00:00.000Z"],
  ["America/New_York", "2026-03-08T01:30:00", "2026-03-08T06:30:00.000Z"],
  ["America/New_York", "2026-03-08T03:30:00", "2026-03-08T07:30:00.000Z"],
  ["Europe/Berlin", "1969-12-31T23:59:59.250", "1969-12-31T22:59:59.250Z"],
] as const;
for (const [zone, text, expected] of cases) {
  Deno.test(`pythonTime() reads ${text} in ${zone}`, () => {
    const { read, writeNaive } = pythonTime(zone);
    const time = read(text);
    assert.equal(time.toISOString(), expected);
    assert.equal(read(writeNaive(time)).getTime(), time.getTime());
  });
}

for (const text of ["", "2026-07-01", "12:00:00", "2026-07-01T25:00:00", "1764349200.5"]) {
  Deno.test(`pythonTime() refuses "${text}"`, () => {
    assert.throws(() => pythonTime("UTC").read(text), {
      name: "TypeError",
      message: `Cannot read the time "${text}"`,
    });
  });
}
