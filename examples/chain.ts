/**
 * A chain of responsibility: each link answers the request or hands it on.
 *
 * A customer pays by card if that is possible, else by PayPal, else by bank transfer, and whoever
 * can do none of that gets an invoice.
 *
 * Run it: deno run examples/chain.ts
 */

// deno-lint-ignore-file no-console

import { bootstrap, chain, command, type DataOf, domainEvent, handlers, type } from "@sluice/cqrs";
import type { Context, LinkContext, MessageOf, ResultOf } from "@sluice/cqrs";

interface Customer {
  name: string;
  card?: { limitCents: number };
  payPal?: string;
  iban?: string;
}

const Pay = command("invoice.pay", type<{ customer: Customer; cents: number }>())
  .returns<{ by: string; cents: number }>();
const PaymentRefused = domainEvent("payment.refused", type<{ by: string; name: string }>());
const PaymentMade = domainEvent("payment.made", type<{ by: string; name: string }>());

type Pay = MessageOf<typeof Pay>;

// A link gets what every handler gets, and `next`. It can be a class, which is built if it is reached.
class CardLink {
  async handle(
    { customer: { name, card }, cents }: DataOf<Pay>,
    { emit, next }: LinkContext<Pay, Context>,
  ): Promise<ResultOf<Pay>> {
    if (card === undefined) return await next();
    if (cents > card.limitCents) {
      emit(PaymentRefused({ by: "card", name })); // counts, although another link answers
      return await next();
    }
    emit(PaymentMade({ by: "card", name }));
    return { by: "card", cents };
  }
}

// A chain that is written within `on` knows its types; anywhere else it has to be told.
const pay = chain<Pay, Context>(
  CardLink,
  ({ customer: { name, payPal }, cents }, { emit, next }) => {
    if (payPal === undefined) return next();
    emit(PaymentMade({ by: `PayPal as ${payPal}`, name }));
    return { by: "PayPal", cents };
  },
  ({ customer, cents }, { emit, next }) => {
    // The links that follow can be given other data: here the price of not paying at once.
    if (customer.iban === undefined) return next({ customer, cents: cents + 500 });
    emit(PaymentMade({ by: `transfer from ${customer.iban}`, name: customer.name }));
    return { by: "bank transfer", cents };
  },
  // Without a default, the `next` of the last link would reject with a ChainExhaustedError.
  { otherwise: ({ cents }) => ({ by: "invoice", cents }) },
);

const app = bootstrap(
  handlers()
    .on(Pay, pay)
    .on(PaymentRefused, ({ by, name }) => console.log(`  event: ${name} cannot pay by ${by}`))
    .on(PaymentMade, ({ by, name }) => console.log(`  event: ${name} has paid by ${by}`)),
);

const customers: readonly Customer[] = [
  { name: "Ada", card: { limitCents: 100_000 }, payPal: "ada@mail.example" },
  { name: "Bob", card: { limitCents: 1_000 }, payPal: "bob@mail.example" },
  { name: "Cleo", iban: "DE02 1203 0000 0000 2020 51" },
  { name: "Dan" },
];

for (const customer of customers) {
  console.log(`${customer.name} has to pay 49.00`);
  const { by, cents } = await app.send(Pay({ customer, cents: 4_900 }));
  console.log(`  answer: ${(cents / 100).toFixed(2)} by ${by}`);
}
