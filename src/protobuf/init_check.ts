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
    if (!isObject(init)) throw refusal(init, path);
    const { $typeName } = init;
    if ($typeName !== undefined && $typeName !== schema.typeName) {
      throw new TypeError(`Cannot encode a message "${$typeName}" as "${path}"`);
    }
    const members = this.#membersOf(schema);
    for (const name of Object.keys(init)) {
      const value = init[name];
      if (value === undefined || value === null) continue; // as good as left out
      const member = members.get(name);
      if (member === undefined) {
        if (name === "$typeName" || name === "$unknown") continue;
        throw new TypeError(`Cannot encode "${path}.${name}" as there is no such field`);
      }
      if ("fieldKind" in member) this.#checkField(member, value, path, name);
      else this.#checkCase(member, value, `${path}.${name}`);
    }
  }

  #checkCase(cases: ReadonlyMap<string, DescField>, chosen: unknown, path: string): void {
    if (!isObject(chosen)) throw refusal(chosen, path);
    if (chosen["case"] === undefined) return;
    const name = String(chosen["case"]);
    const field = cases.get(name);
    if (field === undefined) {
      throw new TypeError(`Cannot encode "${path}" as it has no case "${name}"`);
    }
    this.#checkField(field, chosen["value"], path, name);
  }

  #checkField(field: DescField, value: unknown, path: string, name: string): void {
    if (field.fieldKind === "list") {
      if (!Array.isArray(value)) throw refusal(value, `${path}.${name}`);
      for (const item of value) this.#checkValue(field, item, path, name);
    } else if (field.fieldKind === "map") {
      if (!isObject(value)) throw refusal(value, `${path}.${name}`);
      for (const key of Object.keys(value)) this.#checkValue(field, value[key], path, name);
    } else {
      this.#checkValue(field, value, path, name);
    }
  }

  #checkValue({ message, scalar }: DescField, value: unknown, path: string, name: string): void {
    if (message === undefined) {
      if (!fits(scalar, value)) throw refusal(value, `${path}.${name}`);
    } else if (!standsForItself(message)) {
      this.#checkMessage(message, value, `${path}.${name}`);
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

function refusal(value: unknown, path: string): TypeError {
  return new TypeError(`Cannot encode ${kindOf(value)} as "${path}"`);
}

/** Whether fields of a message type hold plain values, which are no initialisers: JSON, or a wrapped scalar. */
function standsForItself({ typeName }: DescMessage): boolean {
  if (!typeName.startsWith("google.protobuf.")) return false;
  return typeName === "google.protobuf.Struct" || typeName.endsWith("Value");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `a value of the type ${typeof value}`;
}
