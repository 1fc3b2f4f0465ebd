import { type DenoKv, denoKvStorage, type DenoKvTransactionClient } from "@sluice/cqrs/deno-kv";
import { transactional } from "@sluice/cqrs/outbox";
import { command, handlers, type } from "@sluice/cqrs";
import type { Storage } from "@sluice/cqrs/storage";
import { compiled, type Equals, expectType } from "./equals.ts";

const Join = command("join", type<{ id: string }>());

Deno.test("denoKvStorage() takes a Deno.Kv and the one of npm:@deno/kv", () => {
  compiled(() => {
    const databases: readonly DenoKv[] = [{} as Deno.Kv, {} as NpmKv];
    for (const kv of databases) denoKvStorage(kv);
    const storage: Storage = denoKvStorage({} as Deno.Kv);
    return storage;
  });
});

Deno.test("denoKvStorage() takes a prefix of whatever keys are made of", () => {
  compiled(() => denoKvStorage({} as Deno.Kv, { prefix: ["a", 1, 2n, true, Uint8Array.of(1)] }));
  // @ts-expect-error a symbol is no part of a prefix
  compiled(() => denoKvStorage({} as Deno.Kv, { prefix: [Symbol()] }));
});

Deno.test("transactional() of a storage on Deno KV gives handlers its client", () => {
  compiled(() =>
    handlers().use(transactional(denoKvStorage({} as Deno.Kv))).on(Join, async ({ id }, { tx }) => {
      expectType<Equals<typeof tx.client, DenoKvTransactionClient>>();
      const { value } = await tx.client.get<number>(["joined", id]);
      expectType<Equals<typeof value, number | null>>();
      tx.client.set(["joined", id], (value ?? 0) + 1);
      // @ts-expect-error what a list gives cannot be checked
      tx.client.list({ prefix: ["joined"] });
    })
  );
});

/** What `npm:@deno/kv` 0.14 declares. */
interface NpmKv {
  get<T = unknown>(key: NpmKvKey, options?: object): Promise<NpmKvEntryMaybe<T>>;
  getMany<T extends readonly unknown[]>(
    keys: readonly [...{ [K in keyof T]: NpmKvKey }],
    options?: object,
  ): Promise<{ [K in keyof T]: NpmKvEntryMaybe<T[K]> }>;
  set(key: NpmKvKey, value: unknown, options?: { expireIn?: number }): Promise<{ ok: true }>;
  delete(key: NpmKvKey): Promise<void>;
  list<T = unknown>(selector: NpmKvListSelector, options?: {
    limit?: number;
    cursor?: string;
    reverse?: boolean;
    consistency?: "strong" | "eventual";
    batchSize?: number;
  }): AsyncIterableIterator<NpmKvEntry<T>> & { get cursor(): string };
  atomic(): NpmAtomicOperation;
  watch<T extends readonly unknown[]>(
    keys: readonly [...{ [K in keyof T]: NpmKvKey }],
    options?: { raw?: boolean },
  ): ReadableStream<{ [K in keyof T]: NpmKvEntryMaybe<T[K]> }>;
  close(): void;
}

type NpmKvKey = readonly (Uint8Array | string | number | bigint | boolean)[];
type NpmKvEntry<T> = { key: NpmKvKey; value: T; versionstamp: string };
type NpmKvEntryMaybe<T> = NpmKvEntry<T> | { key: NpmKvKey; value: null; versionstamp: null };
type NpmKvListSelector =
  | { prefix: NpmKvKey }
  | { prefix: NpmKvKey; start: NpmKvKey }
  | { prefix: NpmKvKey; end: NpmKvKey }
  | { start: NpmKvKey; end: NpmKvKey };

interface NpmAtomicOperation {
  check(...checks: { key: NpmKvKey; versionstamp: string | null }[]): this;
  sum(key: NpmKvKey, n: bigint): this;
  min(key: NpmKvKey, n: bigint): this;
  max(key: NpmKvKey, n: bigint): this;
  set(key: NpmKvKey, value: unknown, options?: { expireIn?: number }): this;
  delete(key: NpmKvKey): this;
  commit(): Promise<{ ok: true; versionstamp: string } | { ok: false }>;
}
