/** Counts what the stream tells, and says it in words. */

import type { HashItem, Summary } from "./messages.ts";

export class Tally {
  readonly #startMs = performance.now();
  #lastMs = this.#startMs;
  readonly #total = { files: 0, bytes: 0 };
  readonly #done: Summary = { files: 0, bytes: 0, failures: 0 };
  /** What has been read of the file that is under way. */
  #partBytes = 0;

  add(item: HashItem): void {
    this.#lastMs = performance.now();
    this.#partBytes = item.kind === "progress" ? item.bytes : 0;
    if (item.kind === "total") Object.assign(this.#total, item);
    if (item.kind === "unreadable") this.#done.failures++;
    if (item.kind === "file") {
      this.#done.files++;
      this.#done.bytes += item.bytes;
    }
  }

  /** How much of it is done. Files may have changed since they were counted. */
  get percent(): number {
    return Math.min(100, Math.floor(100 * this.#soFar().bytes / Math.max(1, this.#total.bytes)));
  }

  get failures(): number {
    return this.#done.failures;
  }

  /** What there is to do. */
  describeTotal(): string {
    return `${countOf(this.#total.files)}, ${sizeOf(this.#total.bytes)}`;
  }

  describeFiles(): string {
    return `${this.#done.files} of ${countOf(this.#total.files)}`;
  }

  describeBytes(): string {
    return `${sizeOf(this.#soFar().bytes)} of ${sizeOf(this.#total.bytes)}`;
  }

  describeRate(): string {
    return this.#rateOf(this.#soFar().bytes);
  }

  describeTime(): string {
    return `${this.#seconds().toFixed(2)} s`;
  }

  /** How far it is. */
  describeProgress(): string {
    return `${this.percent} %, ${this.describeFiles()}, ${this.describeBytes()}, ${this.describeRate()}`;
  }

  /** What has been done. */
  describe({ files, bytes, failures } = this.#soFar()): string {
    return `${countOf(files)}, ${sizeOf(bytes)} in ${this.describeTime()} ` +
      `(${this.#rateOf(bytes)}), ${failures} unreadable`;
  }

  #soFar(): Summary {
    return { ...this.#done, bytes: this.#done.bytes + this.#partBytes };
  }

  #rateOf(bytes: number): string {
    return `${(bytes / 1e6 / Math.max(0.001, this.#seconds())).toFixed(1)} MB/s`;
  }

  /** How long it took until the last item. */
  #seconds(): number {
    return (this.#lastMs - this.#startMs) / 1_000;
  }
}

function countOf(files: number): string {
  return files === 1 ? "1 file" : `${files} files`;
}

export function sizeOf(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return `${(bytes / 1000 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}
