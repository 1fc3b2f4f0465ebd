/**
 * Commands and queries, handled by a function, an object and a class.
 *
 * A command changes something, a query asks for something, and each has exactly one handler. Here a
 * library lends its books.
 *
 * Run it: deno run examples/request_handlers.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, type DataOf, handlers, query, type } from "@sluice/cqrs";
import { container } from "@sluice/cqrs/container";

// A message is defined by its wire name, the type of its data and, with `returns`, that of its answer.
const LendBook = command("book.lend", type<{ title: string; reader: string }>())
  .returns<{ dueInDays: number }>();
const TakeBookBack = command("book.take_back", type<{ title: string }>());
const ListLoans = query("loans.list", type<{ reader: string }>()).returns<readonly string[]>();
const BurnBook = command("book.burn", type<{ title: string }>());

/** A service that several handlers share: who has which book. */
class Loans {
  readonly readers = new Map<string, string>();
}

class BookIsLentError extends Error {
  override readonly name = "BookIsLentError";
}

// A class is built by the container for each request, with what its constructor needs.
class ListLoansHandler {
  readonly #loans: Loans;

  constructor(loans: Loans) {
    this.#loans = loans;
  }

  handle({ reader }: DataOf<typeof ListLoans>): readonly string[] {
    return [...this.#loans.readers].filter(([, by]) => by === reader).map(([title]) => title);
  }
}

const services = container()
  .provide(Loans, () => new Loans(), { lifetime: "singleton" })
  .provide(ListLoansHandler, async ({ resolve }) => new ListLoansHandler(await resolve(Loans)));

const registry = handlers()
  // A function takes the data, and what it needs of the context: here a service of the container.
  .on(LendBook, async ({ title, reader }, { resolve }) => {
    const { readers } = await resolve(Loans);
    if (readers.has(title)) throw new BookIsLentError(`${title} is lent to ${readers.get(title)}`);
    readers.set(title, reader);
    return { dueInDays: 14 };
  })
  // An object has a method `handle`.
  .on(TakeBookBack, {
    async handle({ title }, { resolve }) {
      const { readers } = await resolve(Loans);
      readers.delete(title);
    },
  })
  .on(ListLoans, ListLoansHandler);

const app = bootstrap(registry, { container: services });

const { dueInDays } = await app.send(LendBook({ title: "Dune", reader: "Ada" }));
console.log(`Ada has borrowed Dune for ${dueInDays} days`);
await app.send(LendBook({ title: "Emma", reader: "Ada" }));
console.log("Ada has:", (await app.send(ListLoans({ reader: "Ada" }))).join(", "));

// What a handler throws reaches the caller as it is.
try {
  await app.send(LendBook({ title: "Dune", reader: "Bob" }));
} catch (error) {
  if (!(error instanceof BookIsLentError)) throw error;
  console.log("Bob cannot borrow Dune:", error.message);
}

await app.send(TakeBookBack({ title: "Dune" }));
console.log("Dune is back, Ada has:", (await app.send(ListLoans({ reader: "Ada" }))).join(", "));

// What has no handler does not compile, but for the comment that expects just that.
try {
  // @ts-expect-error No handler is bound to "book.burn".
  await app.send(BurnBook({ title: "Emma" }));
} catch (error) {
  console.log(String(error));
}
