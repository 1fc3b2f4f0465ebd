import {
  bootstrap,
  command,
  type Context,
  domainEvent,
  type HandlerFunction,
  handlers,
  type MessageOf,
  type Middleware,
  streamRequest,
  type,
} from "../../mod.ts";
import { transactional } from "../../src/outbox/transactional.ts";
import type { Storage, StorageTransaction } from "../../src/storage/mod.ts";
import { memoryStorage, type MemoryTransaction } from "../../src/storage/memory/mod.ts";
import { compiled, type Equals, expectType } from "./equals.ts";

const Join = command("join", type<{ userId: string }>()).returns<number>();
const Joined = domainEvent("joined", type<{ userId: string }>());
const Count = streamRequest("count").yields<number>();

/** The handle of a driver. */
interface Client {
  query(text: string): Promise<number>;
}

declare const storage: Storage<StorageTransaction<Client>>;

Deno.test("transactional() gives handlers the transaction of its storage, with the driver's handle", () => {
  compiled(() =>
    handlers().use(transactional(storage)).on(Join, async ({ userId }, { tx, emit }) => {
      expectType<Equals<typeof tx, StorageTransaction<Client>>>();
      const count = await tx.client.query("select 1");
      expectType<Equals<typeof count, number>>();
      emit(Joined({ userId }));
      return count;
    }).on(Joined, (_data, { tx }) => {
      expectType<Equals<typeof tx.client, Client>>();
    })
  );
});

Deno.test("transactional() of a storage in memory gives its transactions", () => {
  handlers().use(transactional(memoryStorage())).on(Join, (_data, { tx }) => {
    expectType<Equals<typeof tx, MemoryTransaction>>();
    tx.client.set("n", 1);
    return 1;
  });
});

Deno.test("a handler that needs tx does not compile where there is none", () => {
  const join: HandlerFunction<
    MessageOf<typeof Join>,
    Context & { tx: StorageTransaction<Client> }
  > = (_data, { tx }) => tx.client.query("select 1");
  compiled(() => {
    handlers().use(transactional(storage)).on(Join, join);
    // @ts-expect-error There is no transaction.
    handlers().on(Join, join);
    // @ts-expect-error The transaction is one of another storage.
    handlers().use(transactional(memoryStorage())).on(Join, join);
    // @ts-expect-error The transaction comes too late.
    handlers().on(Join, (_data, { tx }) => tx).use(transactional(storage));
  });
});

Deno.test("a module can say that its handlers need a transaction", () => {
  const members = handlers<{ tx: StorageTransaction<Client> }>()
    .on(Join, (_data, { tx }) => tx.client.query("select 1"));
  compiled(() => {
    bootstrap(handlers().use(transactional(storage)).add(members)).send(Join({ userId: "u1" }));
    // @ts-expect-error There is no transaction.
    handlers().add(members);
    // @ts-expect-error The transaction is one of another storage.
    handlers().use(transactional(memoryStorage())).add(members);
    // @ts-expect-error It cannot be bootstrapped by itself.
    bootstrap(members);
  });
});

Deno.test("transactional() adds to what earlier middlewares have added, and later ones see tx", () => {
  const signedIn: Middleware<{ user: string }> = (_context, next) => next({ user: "Ada" });
  const audited: Middleware<object, { tx: StorageTransaction<Client>; user: string }> = async (
    { tx, user },
    next,
  ) => {
    await tx.client.query(user);
    return await next();
  };
  compiled(() => {
    handlers().use(signedIn).use(transactional(storage)).use(audited).on(
      Join,
      (_data, { tx, user }) => tx.client.query(user),
    );
    // @ts-expect-error The transaction is not open yet.
    handlers().use(signedIn).use(audited).use(transactional(storage));
  });
});

Deno.test("domainEvents has two choices", () => {
  compiled(() => {
    transactional(storage, { domainEvents: "after" });
    transactional(storage, { domainEvents: "inside" });
    transactional(storage, {});
    // @ts-expect-error There is no such choice.
    transactional(storage, { domainEvents: "before" });
  });
});

Deno.test("a storage can be given to bootstrap, whatever its transactions are", () => {
  compiled(() => {
    bootstrap(handlers().on(Count, async function* () {}), { storage });
    bootstrap(handlers(), { storage: memoryStorage() });
    // @ts-expect-error That has no outbox.
    bootstrap(handlers(), { storage: {} });
  });
});
