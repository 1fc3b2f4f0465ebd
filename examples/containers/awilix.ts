/**
 * A handler class from a container of awilix, with a unit of work that lives as long as a call.
 *
 * Ada sends Bob money. What a call changes stands or falls with its unit of work, which the handler
 * shares with its repository and with the handlers of its events.
 *
 * Run it: deno run --allow-sys=cpus examples/containers/awilix.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, command, type Context, domainEvent, handlers, type } from "@sluice/cqrs";
import { fromAwilix } from "@sluice/cqrs/container";
import { asClass, asValue, createContainer } from "awilix";

type Payment = { from: string; to: string; cents: number };

const Transfer = command("money.transfer", type<Payment>());
const Transferred = domainEvent("money.transferred", type<Payment>());

/** The changes of one call, all of them or none. */
class UnitOfWork {
  readonly #changes: (() => void)[] = [];

  add(change: () => void): void {
    this.#changes.push(change);
  }

  commit(): void {
    console.log(`  committed changes: ${this.#changes.length}`);
    for (const change of this.#changes.splice(0)) change();
  }

  end(): void {
    console.log(`  the unit of work ends, changes lost: ${this.#changes.length}`);
  }
}

/** The repository. */
class Accounts {
  readonly #database: Map<string, number>;
  readonly #work: UnitOfWork;

  // awilix hands over everything that it has, by name.
  constructor(given: { database: Map<string, number>; unitOfWork: UnitOfWork }) {
    this.#database = given.database;
    this.#work = given.unitOfWork;
  }

  change(owner: string, cents: number): void {
    const balance = (this.#database.get(owner) ?? 0) + cents;
    if (balance < 0) throw new Error(`${owner} has not that much`);
    this.#work.add(() => this.#database.set(owner, balance));
  }
}

class TransferHandler {
  readonly #accounts: Accounts;
  readonly #work: UnitOfWork;

  constructor(given: { accounts: Accounts; unitOfWork: UnitOfWork }) {
    this.#accounts = given.accounts;
    this.#work = given.unitOfWork;
  }

  handle(payment: Payment, { emit }: Context): void {
    this.#accounts.change(payment.to, payment.cents);
    this.#accounts.change(payment.from, -payment.cents);
    this.#work.commit();
    emit(Transferred(payment));
  }
}

const database = new Map([["Ada", 10_000], ["Bob", 0]]);
const services = createContainer({ strict: true }).register({
  database: asValue(database),
  unitOfWork: asClass(UnitOfWork).scoped().disposer((work) => work.end()),
  accounts: asClass(Accounts).scoped(),
  transferHandler: asClass(TransferHandler),
});

const registry = handlers()
  .on(Transfer, TransferHandler)
  .on(Transferred, async ({ to, cents }, { resolve }) => {
    const work = await resolve(UnitOfWork); // that of the command
    work.add(() => console.log(`  a letter to ${to}: you have got ${cents}`));
    work.commit();
  });

// awilix knows services by name, Sluice by class. A pair that does not fit does not compile.
const adapted = fromAwilix(services, { transferHandler: TransferHandler, unitOfWork: UnitOfWork });
const app = bootstrap(registry, { container: adapted });

for (const cents of [2_500, 1_000_000]) {
  console.log(`Ada sends Bob ${cents}:`);
  const sent = app.send(Transfer({ from: "Ada", to: "Bob", cents }));
  await sent.catch((error) => console.log(`  ${error}`));
}
console.log(`Ada has ${database.get("Ada")}, Bob has ${database.get("Bob")}`);
