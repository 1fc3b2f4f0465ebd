import { chain, command, type Context, fallback, type MessageOf, type } from "../../mod.ts";
import { classDiagram, sequenceDiagram, stateDiagram } from "../../src/mermaid/mod.ts";
import { saga, stepFallback } from "../../src/saga/mod.ts";
import { compiled } from "./equals.ts";

const Order = saga("order", { version: 1, context: type<{ item: string }>() })
  .step("reserve", ({ item }) => ({ reservation: item }))
  .waitFor("paid", { data: type<{ cents: number }>() })
  .step("ship", stepFallback(({ cents }) => ({ parcel: cents }), () => ({ parcel: 1 })));

const Pay = command("pay", type<{ by: string }>()).returns<string>();
type Pay = MessageOf<typeof Pay>;

const pay = chain<Pay, Context & { user: string }>(
  ({ by }, { user, next }) => by === "card" ? `${user} by card` : next(),
  { otherwise: () => "later" },
);

Deno.test("diagrams can be made of any saga and of any composite handler", () => {
  compiled(() => [
    sequenceDiagram(Order),
    classDiagram(Order, { title: "Order" }),
    stateDiagram(Order),
    sequenceDiagram(pay),
    classDiagram(fallback<Pay, Context & { user: string }>(pay, () => "later")),
  ]);
});

Deno.test("diagrams cannot be made of anything else", () => {
  compiled(() => [
    // @ts-expect-error: a command is no saga
    sequenceDiagram(Pay),
    // @ts-expect-error: a function says nothing of what it does
    classDiagram(() => {}),
    // @ts-expect-error: a chain has no states
    stateDiagram(pay),
    // @ts-expect-error: there is no such option
    stateDiagram(Order, { theme: "dark" }),
  ]);
});
