import type { PostgresParameter } from "./client.ts";
import type { Statement } from "./statement.ts";

/** A place in statements: all that have come here have the same text so far. */
class Place {
  readonly text: string;
  readonly #next: Map<string, Place> = new Map();
  /** Behind most places the same part follows as the time before. */
  #lastPart = "";
  #last: Place = this;

  constructor(text: string) {
    this.text = text;
  }

  /** The place behind a part. */
  after(part: string): Place {
    if (part === this.#lastPart) return this.#last;
    let next = this.#next.get(part);
    if (next === undefined) this.#next.set(part, next = new Place(this.text + part));
    this.#lastPart = part;
    return this.#last = next;
  }
}

/**
 * The texts of statements that are put together of a few parts. Each is made once, and found again
 * afterwards: to make one takes longer than all else that is done for a statement, and drivers compare it.
 *
 * They are kept for good, so no part may be one of endlessly many: what is stored travels as parameters.
 */
export class StatementTexts {
  readonly #start: Place = new Place("");

  /** Begins a statement. */
  begin(): StatementWriter {
    return new StatementWriter(this.#start);
  }
}

const PLACEHOLDERS = Array.from({ length: 64 }, (_, n) => `$${n}`);

/** A statement that is being written, from its beginning to its end. */
export class StatementWriter {
  readonly parameters: PostgresParameter[] = [];
  #place: Place;

  /** @param start The place before the first part. */
  constructor(start: Place) {
    this.#place = start;
  }

  /** The text so far. */
  get text(): string {
    return this.#place.text;
  }

  /** Writes a part of the text. */
  sql(part: string): this {
    this.#place = this.#place.after(part);
    return this;
  }

  /** Writes what stands for a parameter, and takes that in. */
  value(parameter: PostgresParameter): this {
    return this.again(this.parameters.push(parameter));
  }

  /** Writes what stands for a parameter that was taken in before: for the first one if `number` is 1. */
  again(number: number): this {
    return this.sql(PLACEHOLDERS[number] ?? `$${number}`);
  }

  /** Writes a statement whose parameters follow those that were taken in. */
  part({ text, parameters }: Statement): this {
    for (const parameter of parameters) this.parameters.push(parameter);
    return this.sql(text);
  }
}
