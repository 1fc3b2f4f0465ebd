/**
 * Diagrams of a saga, in the language of Mermaid: what happens, what there is, and where it may stand.
 *
 * An order reserves its goods, waits until its payment has come in, and is sent by courier, or by post
 * while the courier does not answer. What this prints is Markdown that GitHub and many editors draw.
 *
 * Run it: deno run examples/saga_diagrams.ts
 */

// deno-lint-ignore-file no-console

import { circuitBreaker } from "@sluice/cqrs";
import { classDiagram, sequenceDiagram, stateDiagram } from "@sluice/cqrs/mermaid";
import { saga, stepFallback } from "@sluice/cqrs/saga";
import { z } from "zod";

interface Placed {
  item: string;
}

class ReserveGoods {
  act({ item }: Placed) {
    return { reservation: `a ${item}` };
  }

  compensate({ reservation }: { reservation?: string }) {
    void reservation;
  }
}

class SendByCourier {
  act({ item }: Placed) {
    return { parcel: `a ${item} with the courier` };
  }

  compensate() {}
}

class SendByPost {
  act({ item }: Placed) {
    return { parcel: `a ${item} in the mail` };
  }
}

const Order = saga("order", { version: 1, context: z.object({ item: z.string() }) })
  .step("reserve", ReserveGoods, { retry: { maxAttempts: 5 }, timeoutMs: 2_000 })
  .waitFor("payment", {
    signal: "paid",
    data: z.object({ cents: z.number(), by: z.string() }),
    timeoutMs: 24 * 3_600_000,
  })
  .step(
    "send",
    stepFallback(SendByCourier, SendByPost, {
      circuitBreaker: circuitBreaker({ name: "courier" }),
    }),
  )
  .step("confirm", function confirmByMail() {});

for (const diagram of [sequenceDiagram(Order), classDiagram(Order), stateDiagram(Order)]) {
  console.log("```mermaid\n" + diagram + "\n```\n");
}
