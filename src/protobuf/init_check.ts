import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";

/** What a member of a message may be initialised with; all of one shape, as this runs for every message. */
interface MemberCheck {
  /** Whether the member holds one value, many, or one of several cases. */
  readonly holds: "one" | "list" | "map" | "case";
  /** Whether a value that is no message can stand there. */
  readonly fits: (value: unknown) => boolean;
  /** What a message that stands there may hold. */
  readonly message: MessageCheck | undefined;
  /** The cases of a group of alternatives. */
  readonly cases: ReadonlyMap<string, MemberCheck>;
}

/** What an initialiser of a message may hold. */
interface MessageCheck {
  readonly typeName: string;
  /** By the names that an initialiser gives them. */
  readonly members: Map<string, MemberCheck>;
}

const NO_CASES: ReadonlyMap<string, MemberCheck> = new Map();

/**
 * Refuses initialisers that `create()` would take without a word: it leaves out what it does not
 * know, and writes the text of whatever stands where a string belongs. Data that is lost on its way
 * into an outbox is lost for good.
 */
export class InitCheck {
  readonly #messages = new Map<DescMessage, MessageCheck>();
  readonly #root: MessageCheck;

  /** Creates a check for initialisers of messages of `schema`. */
  constructor(schema: DescMessage) {
    this.#root = this.#checkOf(schema);
  }

  /** @throws {TypeError} Unless `init` initialises a message, with all that it holds. */
  check(init: unknown): void {
    const finding = findInMessage(this.#root, init);
    if (finding === undefined) return;
    const place = [this.#root.typeName, ...finding.path].join(".");
    throw new TypeError(`Cannot encode ${finding.what(place)}`);
  }

  #checkOf(schema: DescMessage): MessageCheck {
    const known = this.#messages.get(schema);
    if (known !== undefined) return known;
    const check: MessageCheck = { typeName: schema.typeName, members: new Map() };
    this.#messages.set(schema, check); // first, as a message may contain its own type
    for (const member of schema.members) {
      check.members.set(
        member.localName,
        member.kind === "field" ? this.#memberOf(member) : {
          holds: "case",
          fits: () => false,
          message: undefined,
          cases: new Map(member.fields.map((field) => [field.localName, this.#memberOf(field)])),
        },
      );
    }
    return check;
  }

  #memberOf(field: DescField): MemberCheck {
    const { fieldKind, message, scalar } = field;
    const isPlain = message === undefined || standsForItself(message);
    return {
      holds: fieldKind === "list" || fieldKind === "map" ? fieldKind : "one",
      fits: message === undefined ? fitting(scalar) : () => true,
      message: isPlain ? undefined : this.#checkOf(message),
      cases: NO_CASES,
    };
  }
}

/** What is wrong with an initialiser. The way there is put together on the way back, as it is rarely wanted. */
interface Finding {
  /** The names that lead to the place. */
  readonly path: readonly string[];
  /** Says what is wrong, in the words that follow "Cannot encode". */
  readonly what: (place: string) => string;
}

function findInMessage({ typeName, members }: MessageCheck, init: unknown): Finding | undefined {
  if (!isObject(init)) return misfit(init);
  // deno-lint-ignore guard-for-in -- `create()` reads inherited properties too; and it takes half the time
  for (const name in init) {
    const value = init[name];
    if (value === undefined || value === null) continue; // as good as left out
    const member = members.get(name);
    if (member !== undefined) {
      const finding = findInMember(member, value);
      if (finding !== undefined) return within(name, finding);
    } else if (name !== "$typeName") {
      return { path: [name], what: (place) => `"${place}" as there is no such field` };
    } else {
      if (value === typeName) return undefined; // a message, which `create()` has made
      return { path: [], what: (place) => `a message "${value}" as "${place}"` };
    }
  }
  return undefined;
}

function findInMember(member: MemberCheck, value: unknown): Finding | undefined {
  switch (member.holds) {
    case "one":
      return findInValue(member, value);
    case "list":
      return Array.isArray(value) ? findInSome(member, value) : misfit(value);
    case "map":
      return isObject(value) ? findInSome(member, Object.values(value)) : misfit(value);
    case "case":
      return findInCase(member.cases, value);
  }
}

function findInSome(member: MemberCheck, values: readonly unknown[]): Finding | undefined {
  for (const value of values) {
    const finding = findInValue(member, value);
    if (finding !== undefined) return finding;
  }
  return undefined;
}

function findInValue({ fits, message }: MemberCheck, value: unknown): Finding | undefined {
  if (message !== undefined) return findInMessage(message, value);
  return fits(value) ? undefined : misfit(value);
}

function findInCase(
  cases: ReadonlyMap<string, MemberCheck>,
  chosen: unknown,
): Finding | undefined {
  if (!isObject(chosen)) return misfit(chosen);
  if (chosen["case"] === undefined) return undefined;
  const name = String(chosen["case"]);
  const member = cases.get(name);
  if (member === undefined) {
    return { path: [], what: (place) => `"${place}" as it has no case "${name}"` };
  }
  const finding = findInValue(member, chosen["value"]);
  return finding && within(name, finding);
}

function within(name: string, { path, what }: Finding): Finding {
  return { path: [name, ...path], what };
}

function misfit(value: unknown): Finding {
  return { path: [], what: (place) => `${kindOf(value)} as "${place}"` };
}

/** What can stand for a scalar; of the others the encoder itself takes care. */
function fitting(scalar: ScalarType | undefined): (value: unknown) => boolean {
  switch (scalar) {
    case ScalarType.STRING:
      return (value) => typeof value === "string";
    case ScalarType.BOOL:
      return (value) => typeof value === "boolean";
    case ScalarType.BYTES:
      return (value) => value instanceof Uint8Array;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return (value) => typeof value === "number";
    default:
      return () => true;
  }
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
