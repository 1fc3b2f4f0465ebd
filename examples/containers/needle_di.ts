/**
 * Handler classes from a container of Needle DI, with a unit of work for each run of a handler.
 *
 * A parcel is booked with the courier, and with the post when the courier fails. With the scope
 * strategy "handler" the unit of work of the one ends, and what it has not committed is gone, before
 * the other begins with a unit of its own. So does whoever handles the event that follows.
 *
 * Run it: deno run examples/containers/needle_di.ts
 */

// deno-lint-ignore-file no-console

import { Container, inject } from "@needle-di/core";
import type { Context } from "@sluice/cqrs";
import { bootstrap, command, domainEvent, fallback, handlers, type } from "@sluice/cqrs";
import { fromNeedleDi } from "@sluice/cqrs/container";

type Parcel = { weight: number; to: string };

const Book = command("parcel.book", type<Parcel>()).returns<string>();
const Booked = domainEvent("parcel.booked", type<Parcel>());

/** The repository: one for the whole program. */
class Bookings {
  readonly all: string[] = [];
  units = 0;
}

/** What one run of a handler books, all of it or nothing. */
class UnitOfWork {
  readonly #bookings = inject(Bookings);
  readonly #number = ++this.#bookings.units;
  readonly #added: string[] = [];

  add(booking: string): void {
    console.log(`  unit ${this.#number} adds "${booking}"`);
    this.#added.push(booking);
  }

  commit(): void {
    this.#bookings.all.push(...this.#added.splice(0));
  }

  [Symbol.dispose](): void {
    console.log(`  unit ${this.#number} ends, not committed: ${this.#added.length}`);
  }
}

class BookCourier {
  readonly #work = inject(UnitOfWork);

  handle(parcel: Parcel, { emit }: Context): string {
    this.#work.add(`courier to ${parcel.to}`);
    if (parcel.weight > 10) throw new Error("The courier takes no more than 10 kg");
    this.#work.commit();
    emit(Booked(parcel));
    return "courier";
  }
}

class BookPost {
  readonly #work = inject(UnitOfWork);

  handle(parcel: Parcel, { emit }: Context): string {
    this.#work.add(`post to ${parcel.to}`);
    this.#work.commit();
    emit(Booked(parcel));
    return "post";
  }
}

const container = new Container().bind({
  provide: Bookings,
  async: true,
  // As if it had to connect first. Whoever injects it is made when it is there.
  useFactory: () => Promise.resolve(new Bookings()),
});

const registry = handlers()
  .on(Book, fallback(BookCourier, BookPost))
  .on(Booked, async ({ to }, { resolve }) => {
    const work = await resolve(UnitOfWork);
    work.add(`insurance of what goes to ${to}`);
    work.commit();
  });

const app = bootstrap(registry, {
  // What is not listed lives as long as the container.
  container: fromNeedleDi(container, { scoped: [UnitOfWork, BookCourier, BookPost] }),
  scope: "handler",
});

for (const parcel of [{ weight: 2, to: "Ada" }, { weight: 20, to: "Bob" }]) {
  console.log(`A parcel of ${parcel.weight} kg to ${parcel.to}:`);
  console.log(`  by ${await app.send(Book(parcel))}`);
}
console.log(`Booked: ${(await container.getAsync(Bookings)).all.join(", ")}`);
