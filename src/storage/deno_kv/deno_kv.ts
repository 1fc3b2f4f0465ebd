/** What a key of Deno KV is made of. */
export type DenoKvKeyPart = Uint8Array | string | number | bigint | boolean;

/** A key of Deno KV. */
export type DenoKvKey = readonly DenoKvKeyPart[];

/** A key with a value. Every write gives it another versionstamp; a later one is greater, as text. */
export interface DenoKvEntry<T = unknown> {
  /** The key; its parts may be symbols only where Deno's types say so. */
  readonly key: ReadonlyArray<DenoKvKeyPart | symbol>;
  /** The value. */
  readonly value: T;
  /** Tells when it was written. */
  readonly versionstamp: string;
}

/** A key that has no value. */
export interface DenoKvNoEntry {
  /** The key. */
  readonly key: ReadonlyArray<DenoKvKeyPart | symbol>;
  /** No value. */
  readonly value: null;
  /** No versionstamp. */
  readonly versionstamp: null;
}

/** What is found under a key. */
export type DenoKvEntryMaybe<T = unknown> = DenoKvEntry<T> | DenoKvNoEntry;

/** What a {@linkcode DenoKv} lists: keys that start with `prefix`, or those from `start` up to before `end`. */
export type DenoKvSelector =
  | { readonly prefix: DenoKvKey }
  | { readonly prefix: DenoKvKey; readonly start: DenoKvKey }
  | { readonly prefix: DenoKvKey; readonly end: DenoKvKey }
  | { readonly start: DenoKvKey; readonly end: DenoKvKey };

/** How a {@linkcode DenoKv} lists. */
export interface DenoKvListOptions {
  /** How many entries at the most. */
  readonly limit?: number;
  /** How many entries are fetched at a time. */
  readonly batchSize?: number;
}

/** Checks and writes of a {@linkcode DenoKv} that take effect together, or not at all. */
export interface DenoKvAtomic {
  /** Lets the commit fail unless the key has that versionstamp still. */
  check(check: { readonly key: DenoKvKey; readonly versionstamp: string | null }): DenoKvAtomic;
  /** Sets a value. */
  set(key: DenoKvKey, value: unknown, options?: { readonly expireIn?: number }): DenoKvAtomic;
  /** Deletes a value. */
  delete(key: DenoKvKey): DenoKvAtomic;
  /** Adds to a `Deno.KvU64`. */
  sum(key: DenoKvKey, n: bigint): DenoKvAtomic;
  /** Lowers a `Deno.KvU64` to `n` if it is greater. */
  min(key: DenoKvKey, n: bigint): DenoKvAtomic;
  /** Raises a `Deno.KvU64` to `n` if it is less. */
  max(key: DenoKvKey, n: bigint): DenoKvAtomic;
  /** Does all of it if the checks hold. */
  commit(): Promise<{ readonly ok: true; readonly versionstamp: string } | { readonly ok: false }>;
}

/**
 * What the storage needs of a `Deno.Kv`. The one of `npm:@deno/kv` fits as well. It stays the
 * application's to close.
 */
export interface DenoKv {
  /** Reads one key. */
  get(key: DenoKvKey): Promise<DenoKvEntryMaybe>;
  /** Reads up to ten keys at one point in time. */
  getMany(keys: readonly DenoKvKey[]): Promise<readonly DenoKvEntryMaybe[]>;
  /** Lists entries in the order of their keys. */
  list(selector: DenoKvSelector, options?: DenoKvListOptions): AsyncIterable<DenoKvEntry>;
  /** Begins an atomic operation. */
  atomic(): DenoKvAtomic;
  /** Tells of changes of keys; only `denoKvStorage(kv, { watch: true })` needs it. */
  watch?(keys: readonly DenoKvKey[]): ReadableStream<unknown>;
}
