/** Counts what the stream tells, and says it in words. */

import type { HashItem, Summary } from "./messages.ts";

export class Tally {
  readonly #startMs = performance.now();
  readonly #total = { files: 0, bytes: 0 };
  readonly #done: Summary = { files: 0, bytes: 0, failures: 0 };
  /** What has been read of the file that is under way. */
  #partBytes = 0;

  add(item: HashItem): void {
    this.#partBytes = item.kind === "progress" ? item.bytes : 0;
    if (item.kind === "total") Object.assign(this.#total, item);
    if (item.kind === "unreadable") this.#done.failures++;
    if (item.kind === "file") {
      this.#done.files++;
      this.#done.bytes += item.bytes;
    }
  }

  /** What there is to do. */
  describeTotal(): string {
    return `${countOf(this.#total.files)}, ${sizeOf(this.#total.bytes)}`;
  }

  /** How far it is. Files may have changed since they were counted. */
  describeProgress(): string {
    const { files, bytes } = this.#soFar();
    const total = this.#total;
    const percent = Math.min(100, Math.floor(100 * bytes / Math.max(1, total.bytes)));
    return `${percent} %, ${files} of ${countOf(total.files)}, ` +
      `${sizeOf(bytes)} of ${sizeOf(total.bytes)}, ${this.#rateOf(bytes)}`;
  }

  /** What has been done. */
  describe({ files, bytes, failures } = this.#soFar()): string {
    return `${countOf(files)}, ${sizeOf(bytes)} in ${this.#seconds().toFixed(2)} s ` +
      `(${this.#rateOf(bytes)}), ${failures} unreadable`;
  }

  #soFar(): Summary {
    return { ...this.#done, bytes: this.#done.bytes + this.#partBytes };
  }

  #rateOf(bytes: number): string {
    return `${(bytes / 1e6 / this.#seconds()).toFixed(1)} MB/s`;
  }

  #seconds(): number {
    return (performance.now() - this.#startMs) / 1_000;
  }
}

function countOf(files: number): string {
  return files === 1 ? "1 file" : `${files} files`;
}

function sizeOf(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
