/**
 * The context of a saga as it is stored: as JSON. Each step gets a copy of its own, which has been through
 * JSON, so that nothing which a step does to it reaches others but by what it returns, and a saga that goes
 * on in another process sees the same.
 */
export class SagaContext {
  /** The context as JSON. */
  readonly text: string;
  /** The same as an object, if it holds nothing that could be changed: then a shallow copy is a copy. */
  readonly #flat: object | undefined;

  private constructor(text: string, flat: object | undefined) {
    this.text = text;
    this.#flat = flat;
  }

  /** @param data What the text was made of. */
  static of(text: string, data: unknown): SagaContext {
    return new SagaContext(text, isFlat(data) ? { ...data } : undefined);
  }

  /** A copy for a step. */
  copy(): unknown {
    return this.#flat === undefined ? JSON.parse(this.text) : { ...this.#flat };
  }

  /** The context with what a step has added to it; `text` is `result` as JSON. */
  with(result: object, text: string): SagaContext {
    if (text === "{}") return this;
    if (this.#flat === undefined || !isFlat(result)) {
      const merged = { ...JSON.parse(this.text), ...JSON.parse(text) };
      return SagaContext.of(JSON.stringify(merged), merged);
    }
    const flat = { ...this.#flat, ...result };
    return new SagaContext(
      this.#isNew(result) ? this.#followedBy(text) : JSON.stringify(flat),
      flat,
    );
  }

  /** Whether there is nothing of a result in the context yet. */
  #isNew(result: object): boolean {
    const flat = this.#flat as object;
    for (const name of Object.keys(result)) {
      if (Object.hasOwn(flat, name)) return false;
    }
    return true;
  }

  #followedBy(text: string): string {
    return this.text === "{}" ? text : `${this.text.slice(0, -1)},${text.slice(1)}`;
  }
}

/** Whether a value is an object that is the same after JSON and holds no others. */
function isFlat(data: unknown): data is object {
  if (typeof data !== "object" || data === null || "toJSON" in data) return false;
  if (Object.getPrototypeOf(data) !== Object.prototype) return false;
  for (const name of Object.keys(data)) {
    const value: unknown = (data as Readonly<Record<string, unknown>>)[name];
    if (typeof value === "string" || typeof value === "boolean" || value === null) continue;
    if (typeof value !== "number" || !Number.isFinite(value) || Object.is(value, -0)) return false;
  }
  return true;
}
