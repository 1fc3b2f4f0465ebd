/**
 * A bank, as another service: it books a payment once for each idempotency key, however often it is
 * asked, and keeps a ledger of all that it was asked for.
 *
 * @module
 */

/** What the bank was asked for. */
export interface Booking {
  /** `"charge"` or `"refund"`. */
  readonly what: "charge" | "refund";
  /** By which the bank knows that it was asked before. */
  readonly key: string;
}

/** A bank whose ledger is in Deno KV. */
export class Bank {
  readonly #kv: Deno.Kv;

  constructor(kv: Deno.Kv) {
    this.#kv = kv;
  }

  /** Books something, unless that was done before. */
  async book({ what, key }: Booking): Promise<void> {
    const entry = ["booked", what, key];
    await this.#kv.atomic().sum(["asked", what, key], 1n).commit();
    await this.#kv.atomic().check({ key: entry, versionstamp: null }).set(entry, true).commit();
  }

  /** Tells how often the bank was asked for something, and how often it has booked it. */
  async tell({ what, key }: Booking): Promise<string> {
    const asked = await this.#kv.get<Deno.KvU64>(["asked", what, key]);
    const booked = await this.#kv.get(["booked", what, key]);
    const times = booked.value === null ? 0 : 1;
    return `${what} of ${key}: asked for ${asked.value ?? 0}, booked ${times}`;
  }
}
