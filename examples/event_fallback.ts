/**
 * A fallback for the handler of an event: a receipt goes out by mail, and by letter if the mail
 * server refuses it. The other handlers of the event notice nothing.
 *
 * Run it: deno run examples/event_fallback.ts
 */

// deno-lint-ignore-file no-console

import {
  bootstrap,
  command,
  domainEvent,
  EventHandlingError,
  fallback,
  handlers,
  type,
} from "@sluice/cqrs";

interface Sale {
  customer: string;
  address?: string;
}

const Sell = command("sell", type<Sale>());
const Sold = domainEvent("sold", type<Sale>());
const ReceiptSent = domainEvent("receipt.sent", type<{ customer: string; by: string }>());

class MailRefusedError extends Error {
  override readonly name = "MailRefusedError";
}

const registry = handlers()
  .on(Sell, (sale, { emit }) => emit(Sold(sale)))
  .on(
    Sold,
    ({ customer }) => console.log(`  stock: hand out what ${customer} has bought`),
    fallback(
      ({ customer }, { emit }) => {
        // Emitted too early, as the mail may yet be refused: then it is dropped, and no harm is done.
        emit(ReceiptSent({ customer, by: "mail" }));
        if (customer !== "Ada") throw new MailRefusedError(`${customer} has no mailbox`);
      },
      ({ customer, address }, { emit }) => {
        if (address === undefined) throw new Error(`Nobody knows where ${customer} lives`);
        emit(ReceiptSent({ customer, by: `letter to ${address}` }));
      },
      { when: (error) => error instanceof MailRefusedError },
    ),
  )
  .on(
    ReceiptSent,
    ({ customer, by }) => console.log(`  archive: ${customer}'s receipt went by ${by}`),
  );

const app = bootstrap(registry, {
  observer: (event) => {
    if (event.type === "fell_back") console.log(`  fell back: ${event.error}`);
    if (event.type === "dropped") {
      for (const { type, data } of event.messages) {
        console.log(`  dropped: ${type} ${JSON.stringify(data)}`);
      }
    }
  },
});

const sales: readonly Sale[] = [
  { customer: "Ada" },
  { customer: "Bob", address: "1 Main Street" },
  { customer: "Cleo" },
];
for (const sale of sales) {
  console.log(`${sale.customer} buys:`);
  try {
    await app.send(Sell(sale));
  } catch (error) {
    // The secondary's own error is that of the handler.
    if (!(error instanceof EventHandlingError)) throw error;
    console.log(`  ${error.message}: ${error.cause}`);
  }
}
