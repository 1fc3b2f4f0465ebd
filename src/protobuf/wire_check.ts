import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";

/** What the bytes of one field may look like. */
interface FieldForm {
  /** A bit for each wire type that the field may have. */
  readonly wireTypes: number;
  /** The forms of the fields in it, if it is a message. */
  readonly inner: MessageForm | undefined;
  /** Its path, for errors. */
  readonly name: string;
}

type MessageForm = Map<number, FieldForm>;

/**
 * Refuses bytes whose fields have another form than those of a message type. The decoder does not
 * look: it would read a number as the length of a string, and take what follows for its text. This
 * is all by which bytes of another type can be told.
 */
export class WireCheck {
  readonly #forms = new Map<DescMessage, MessageForm>();
  readonly #form: MessageForm;

  /** Creates a check for messages of `schema`. */
  constructor(schema: DescMessage) {
    this.#form = this.#formOf(schema);
  }

  /** @throws {TypeError} If a field that the message type knows has another form, or the bytes end within one. */
  check(bytes: Uint8Array): void {
    checkFields(bytes, 0, bytes.length, this.#form, 0);
  }

  #formOf(schema: DescMessage): MessageForm {
    const known = this.#forms.get(schema);
    if (known !== undefined) return known;
    const form: MessageForm = new Map();
    this.#forms.set(schema, form); // first, as a message may contain its own type
    for (const field of schema.fields) {
      // An entry of a map is left to the decoder, which reads it field by field.
      const inner = field.fieldKind !== "map" && field.message !== undefined
        ? this.#formOf(field.message)
        : undefined;
      form.set(field.number, { wireTypes: wireTypesOf(field), inner, name: String(field) });
    }
    return form;
  }
}

/** As deep as the decoder goes. */
const MAX_DEPTH = 100;

/** Looks at the fields between two positions; what it does not understand is left to the decoder. */
function checkFields(
  bytes: Uint8Array,
  start: number,
  end: number,
  form: MessageForm,
  depth: number,
): void {
  let at = start;
  while (at < end) {
    let tag = bytes[at++] ?? 0;
    if (tag > 0x7f) {
      const from = at - 1;
      at = varintEnd(bytes, from, end);
      tag = varintAt(bytes, from);
    }
    const wireType = tag & 7;
    const field = form.get(tag >>> 3);
    if (field !== undefined && (field.wireTypes & (1 << wireType)) === 0) {
      throw new TypeError(`Cannot decode ${field.name} as it has the wire type ${wireType}`);
    }
    if (wireType === WireType.LengthDelimited) {
      const from = at;
      at = varintEnd(bytes, from, end);
      const length = varintAt(bytes, from);
      if (length > end - at) throw endsEarly();
      if (field?.inner !== undefined && depth < MAX_DEPTH) {
        checkFields(bytes, at, at + length, field.inner, depth + 1);
      }
      at += length;
    } else if (wireType === WireType.Varint) at = varintEnd(bytes, at, end);
    else if (wireType === WireType.Bit64) at += 8;
    else if (wireType === WireType.Bit32) at += 4;
    else return; // a group, whose end only the decoder finds
  }
  if (at > end) throw endsEarly();
}

/** Where a number of variable length ends. */
function varintEnd(bytes: Uint8Array, start: number, end: number): number {
  for (let at = start; at < end; at++) {
    if ((bytes[at] ?? 0) < 0x80) return at + 1;
  }
  throw endsEarly();
}

/** A number of variable length, as 32 bits without a sign. */
function varintAt(bytes: Uint8Array, start: number): number {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    const byte = bytes[start + i] ?? 0;
    value |= (byte & 0x7f) << (7 * i);
    if (byte < 0x80) break;
  }
  return value >>> 0;
}

function endsEarly(): TypeError {
  return new TypeError("Cannot decode the message as its bytes end within a field");
}

function wireTypesOf(field: DescField): number {
  if (field.fieldKind === "map") return 1 << WireType.LengthDelimited;
  if (field.message !== undefined) {
    const isGroup = "delimitedEncoding" in field && field.delimitedEncoding;
    return 1 << (isGroup ? WireType.StartGroup : WireType.LengthDelimited);
  }
  const own = 1 << wireTypeOf(field.scalar);
  // A list of numbers may be packed or not, whatever its schema says.
  return field.fieldKind === "list" ? own | (1 << WireType.LengthDelimited) : own;
}

function wireTypeOf(scalar: ScalarType | undefined): WireType {
  switch (scalar) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return WireType.LengthDelimited;
    case ScalarType.DOUBLE:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return WireType.Bit64;
    case ScalarType.FLOAT:
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return WireType.Bit32;
    default:
      return WireType.Varint; // enums too, which have no scalar type
  }
}
