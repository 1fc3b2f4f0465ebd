/**
 * Diagrams of a chain of responsibility, in the language of Mermaid: how a request passes through it, and
 * what it is made of.
 *
 * A customer pays by card if that is possible, else by PayPal, else gets an invoice: from one service, or
 * from another if that fails. What this prints is Markdown that GitHub and many editors draw.
 *
 * Run it: deno run examples/chain_diagram.ts
 */

// deno-lint-ignore-file no-console

import { chain, command, type DataOf, fallback, type } from "@sluice/cqrs";
import type { Context, LinkContext, MessageOf, ResultOf } from "@sluice/cqrs";
import { classDiagram, sequenceDiagram } from "@sluice/cqrs/mermaid";

const Pay = command("invoice.pay", type<{ card?: string; payPal?: string }>()).returns<string>();

type Pay = MessageOf<typeof Pay>;

class CardLink {
  async handle(
    { card }: DataOf<Pay>,
    { next }: LinkContext<Pay, Context>,
  ): Promise<ResultOf<Pay>> {
    return card === undefined ? await next() : `by card ${card}`;
  }
}

class PayPalLink {
  async handle(
    { payPal }: DataOf<Pay>,
    { next }: LinkContext<Pay, Context>,
  ): Promise<ResultOf<Pay>> {
    return payPal === undefined ? await next() : `by PayPal as ${payPal}`;
  }
}

const sendInvoice = () => "by invoice";
const printInvoice = () => "by invoice on paper";

const pay = chain<Pay, Context>(CardLink, PayPalLink, {
  otherwise: fallback<Pay, Context>(sendInvoice, printInvoice),
});

for (
  const diagram of [sequenceDiagram(pay, { title: "How an invoice is paid" }), classDiagram(pay)]
) {
  console.log("```mermaid\n" + diagram + "\n```\n");
}
