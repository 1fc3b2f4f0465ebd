import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

/** The members of a message by the names that an initialiser gives them; a group of alternatives has its cases. */
type Members = ReadonlyMap<string, DescField | ReadonlyMap<string, DescField>>;

/**
 * Refuses initialisers that `create()` would take without a word: it leaves out what it does not
 * know, and writes the text of whatever stands where a string belongs. Data that is lost on its way
 * into an outbox is lost for good.
 */
export class InitCheck {
  readonly #members = new Map<DescMessage, Members>();

  /** @throws {TypeError} Unless `init` initialises a message of `schema`, with all that it holds. */
  check(schema: DescMessage, init: unknown): void {
    this.#checkMessage(schema, init, schema.typeName);
  }

  #checkMessage(schema: DescMessage, init: unknown, path: string): void {
    if (!isObject(init)) throw new TypeError(`Cannot encode ${kindOf(init)} as "${path}"`);
    if (init["$typeName"] !== undefined && init["$typeName"] !== schema.typeName) {
      throw new TypeError(`Cannot encode a message "${init["$typeName"]}" as "${path}"`);
    }
    const members = this.#membersOf(schema);
    for (const [name, value] of Object.entries(init)) {
      if (name === "$typeName" || name === "$unknown" || value === undefined) continue;
      const member = members.get(name);
      if (member === undefined) {
        throw new TypeError(`Cannot encode "${path}.${name}" as there is no such field`);
      }
      if ("fieldKind" in member) this.#checkField(member, value, `${path}.${name}`);
      else this.#checkCase(member, value, `${path}.${name}`);
    }
  }

  #checkCase(cases: ReadonlyMap<string, DescField>, chosen: unknown, path: string): void {
    if (!isObject(chosen)) throw new TypeError(`Cannot encode ${kindOf(chosen)} as "${path}"`);
    if (chosen["case"] === undefined) return;
    const name = String(chosen["case"]);
    const field = cases.get(name);
    if (field === undefined) {
      throw new TypeError(`Cannot encode "${path}" as it has no case "${name}"`);
    }
    this.#checkField(field, chosen["value"], `${path}.${name}`);
  }

  #checkField(field: DescField, value: unknown, path: string): void {
    if (value === null) return; // as good as left out
    if (field.fieldKind === "list") {
      if (!Array.isArray(value)) throw new TypeError(`Cannot encode ${kindOf(value)} as "${path}"`);
      for (const item of value) this.#checkValue(field, item, path);
    } else if (field.fieldKind === "map") {
      if (!isObject(value)) throw new TypeError(`Cannot encode ${kindOf(value)} as "${path}"`);
      for (const item of Object.values(value)) this.#checkValue(field, item, path);
    } else {
      this.#checkValue(field, value, path);
    }
  }

  #checkValue({ message, scalar }: DescField, value: unknown, path: string): void {
    if (message === undefined) {
      if (!fits(scalar, value)) throw new TypeError(`Cannot encode ${kindOf(value)} as "${path}"`);
    } else if (!standsForItself(message)) {
      this.#checkMessage(message, value, path);
    }
  }

  #membersOf(schema: DescMessage): Members {
    let members = this.#members.get(schema);
    if (members === undefined) {
      members = new Map(schema.members.map((member) => [
        member.localName,
        member.kind === "oneof"
          ? new Map(member.fields.map((field) => [field.localName, field]))
          : member,
      ]));
      this.#members.set(schema, members);
    }
    return members;
  }
}

/** Whether a value can stand for a scalar; of the others the encoder itself takes care. */
function fits(scalar: ScalarType | undefined, value: unknown): boolean {
  switch (scalar) {
    case ScalarType.STRING:
      return typeof value === "string";
    case ScalarType.BOOL:
      return typeof value === "boolean";
    case ScalarType.BYTES:
      return value instanceof Uint8Array;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return typeof value === "number";
    default:
      return true;
  }
}

/** Whether fields of a message type hold plain values, which are no initialisers: JSON, or a wrapped scalar. */
function standsForItself({ typeName }: DescMessage): boolean {
  return typeName === "google.protobuf.Struct" || /^google\.protobuf\.\w+Value$/.test(typeName);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a value of the type ${typeof value}`;
}
