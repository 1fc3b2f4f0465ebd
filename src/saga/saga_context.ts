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
  #names: Set<string> | undefined;

  /** @param data What the text was made of, if that is at hand. */
  constructor(text: string, data?: unknown) {
    this.text = text;
    this.#flat = flatOf(data);
  }

  /** A copy for a step. */
  copy(): unknown {
    return this.#flat === undefined ? JSON.parse(this.text) : { ...this.#flat };
  }

  /** The context with what a step has added to it; `text` is `result` as JSON. */
  with(result: object, text: string): SagaContext {
    if (text === "{}") return this;
    const flat = this.#flat && flatOf(result);
    if (flat === undefined) return this.#withText(result, text);
    const merged = { ...this.#flat, ...flat };
    return new SagaContext(JSON.stringify(merged), merged);
  }

  #withText(result: object, text: string): SagaContext {
    const names = this.#names ??= new Set(Object.keys(JSON.parse(this.text)));
    const added = Object.keys(result);
    // Most results add what was not there, so that nothing has to be taken apart.
    const isPlain = !("toJSON" in result) && !added.some((name) => names.has(name));
    if (!isPlain) {
      return new SagaContext(JSON.stringify({ ...JSON.parse(this.text), ...JSON.parse(text) }));
    }
    if (this.text === "{}") return new SagaContext(text);
    const next = new SagaContext(`${this.text.slice(0, -1)},${text.slice(1)}`);
    for (const name of added) names.add(name);
    next.#names = names;
    return next;
  }
}

/** A copy of an object that is the same after JSON and holds no objects; `undefined` if it is none. */
function flatOf(data: unknown): object | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  if (Object.getPrototypeOf(data) !== Object.prototype || "toJSON" in data) return undefined;
  for (const value of Object.values(data)) {
    if (typeof value === "string" || typeof value === "boolean" || value === null) continue;
    if (typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0)) continue;
    return undefined;
  }
  return { ...data };
}
