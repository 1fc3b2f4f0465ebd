import { type as ark } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import { type JsonOf, notification, type } from "../../mod.ts";
import { type Equals, expectType } from "./equals.ts";

const topic = "t";

Deno.test("JsonOf gives what JSON makes of a value", () => {
  expectType<Equals<JsonOf<string>, string>>();
  expectType<Equals<JsonOf<"a" | 1 | null>, "a" | 1 | null>>();
  expectType<Equals<JsonOf<Date>, string>>();
  expectType<Equals<JsonOf<{ at: Date; n?: number }>, { at: string; n?: number }>>();
  expectType<Equals<JsonOf<Date[]>, string[]>>();
  expectType<Equals<JsonOf<readonly [Date, number]>, readonly [string, number]>>();
  expectType<Equals<JsonOf<unknown>, unknown>>();
  expectType<Equals<JsonOf<URL>, string>>();
  expectType<Equals<JsonOf<Map<string, number>>, Record<string, never>>>();
});

Deno.test("a notification may carry what JSON gives back", () => {
  notification("a", { topic, data: type<string>() });
  notification("b", { topic, data: type<{ id: string; tags: string[]; note?: string }>() });
  notification("c", { topic, data: z.object({ id: z.string(), n: z.number().nullable() }) });
  notification("d", { topic, data: v.object({ id: v.string() }) });
  notification("e", { topic, data: ark({ id: "string", n: "number | null" }) });
  notification("f", { topic, data: type<{ kind: "a"; n: number } | { kind: "b" }>() });
  notification("g", { topic, data: type<unknown>() });
  interface Member {
    readonly name: string;
    readonly friends: readonly Member[];
  }
  notification("h", { topic, data: type<Member>() });
});

Deno.test("a notification may carry what its schema can read again after JSON", () => {
  notification("a", { topic, data: z.object({ at: z.coerce.date() }) });
  notification("b", {
    topic,
    data: z.object({
      at: z.union([z.date(), z.iso.datetime().transform((text) => new Date(text))]),
    }),
  });
});

Deno.test("a notification may not carry what JSON does not give back", () => {
  // @ts-expect-error A date comes back as a string.
  notification("a", { topic, data: type<{ at: Date }>() });
  // @ts-expect-error A date comes back as a string.
  notification("b", { topic, data: z.object({ at: z.date() }) });
  // @ts-expect-error The schema turns a string into a number, and cannot read that again.
  notification("c", { topic, data: z.string().transform(Number) });
  // @ts-expect-error A Map comes back empty.
  notification("d", { topic, data: type<{ members: Map<string, number> }>() });
  // @ts-expect-error A Set comes back empty.
  notification("e", { topic, data: type<Set<string>>() });
  // @ts-expect-error Bytes come back as an object with numbered keys.
  notification("f", { topic, data: type<Uint8Array>() });
  // @ts-expect-error A date deep within comes back as a string.
  notification("g", { topic, data: type<{ list: { deep?: Date }[] }>() });
});

Deno.test("a notification may not carry what JSON refuses or leaves out", () => {
  // @ts-expect-error JSON refuses a bigint.
  notification("a", { topic, data: type<bigint>() });
  // @ts-expect-error JSON refuses a bigint.
  notification("b", { topic, data: type<{ amount: bigint }>() });
  // @ts-expect-error JSON leaves functions out.
  notification("c", { topic, data: type<{ run: () => void }>() });
  // @ts-expect-error JSON leaves symbols out.
  notification("d", { topic, data: type<{ id: symbol }>() });
  interface Money {
    readonly amount: number;
    add(other: Money): Money;
  }
  // @ts-expect-error JSON leaves methods out.
  notification("e", { topic, data: type<Money>() });
});
