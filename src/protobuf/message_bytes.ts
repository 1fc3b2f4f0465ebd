import {
  create,
  type DescMessage,
  fromBinary,
  isMessage,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { InitCheck } from "./init_check.ts";
import { WireCheck } from "./wire_check.ts";

/** Turns messages of one type into their bytes and back. */
export class MessageBytes<Desc extends DescMessage> {
  readonly #schema: Desc;
  readonly #initCheck: InitCheck;
  readonly #wireCheck: WireCheck;

  /** Creates it for messages of `schema`. */
  constructor(schema: Desc) {
    this.#schema = schema;
    this.#initCheck = new InitCheck(schema);
    this.#wireCheck = new WireCheck(schema);
  }

  /**
   * Makes a message of what initialises one; a message stays as it is.
   *
   * @throws {TypeError} If something in `data` has no place in the message.
   */
  toMessage(data: unknown): MessageShape<Desc> {
    if (isMessage(data, this.#schema)) return data;
    this.#initCheck.check(data);
    return create(this.#schema, data as MessageInitShape<Desc>);
  }

  /** @throws {Error} If `data` is no message of this type and initialises none. */
  encode(data: unknown): Uint8Array {
    return toBinary(this.#schema, this.toMessage(data));
  }

  /** @throws {TypeError} If `bytes` are no message of this type, as far as protobuf can tell. */
  decode(bytes: Uint8Array): MessageShape<Desc> {
    this.#wireCheck.check(bytes);
    try {
      return fromBinary(this.#schema, bytes);
    } catch (cause) {
      const { typeName } = this.#schema;
      const finding = cause instanceof Error ? cause.message : String(cause);
      throw new TypeError(`Cannot decode the bytes as "${typeName}": ${finding}`, { cause });
    }
  }
}
