import assert from "node:assert/strict";
import { type as ark } from "arktype";
import * as v from "valibot";
import { z } from "zod";
import {
  command,
  type Definition,
  domainEvent,
  MessageValidationError,
  notification,
  query,
  type StandardSchema,
  streamRequest,
  type,
} from "../../../src/message/mod.ts";

interface Meeting {
  readonly id: string;
  readonly members: readonly { readonly name: string }[];
}

/** A schema that no library made, which has to ask somebody else before it answers. */
const handMade: StandardSchema<unknown, Meeting> = {
  "~standard": {
    version: 1,
    vendor: "hand-made",
    async validate(value) {
      await Promise.resolve();
      const { id, members } = (value ?? {}) as Record<string, unknown>;
      const issues: { message: string; path: PropertyKey[] }[] = [];
      if (typeof id !== "string") issues.push({ message: "id: no string", path: ["id"] });
      for (const [index, member] of (Array.isArray(members) ? members : []).entries()) {
        if (typeof member?.name === "string") continue;
        issues.push({ message: "name: no string", path: ["members", index, "name"] });
      }
      return issues.length > 0 ? { issues } : { value: value as Meeting };
    },
  },
};

const schemas: Readonly<Record<string, StandardSchema<unknown, Meeting>>> = {
  "a zod schema": z.object({
    id: z.string(),
    members: z.array(z.object({ name: z.string() })),
  }),
  "a valibot schema": v.object({
    id: v.string(),
    members: v.array(v.object({ name: v.string() })),
  }),
  "an arktype schema": ark({ id: "string", members: ark({ name: "string" }).array() }),
  "an asynchronous hand-made schema": handMade,
};

for (const [description, schema] of Object.entries(schemas)) {
  const Open = command("meeting.open", schema);

  Deno.test(`parse() makes a message of data that fits ${description}`, async () => {
    const meeting = { id: "m1", members: [{ name: "Ada" }] };
    const message = await Open.parse(meeting);
    assert.equal(message.kind, "command");
    assert.equal(message.type, "meeting.open");
    assert.deepEqual(message.data, meeting);
  });

  Deno.test(`parse() names every issue and its path when data does not fit ${description}`, async () => {
    const parsing = Open.parse({ id: 7, members: [{ name: "Ada" }, { name: null }] });
    await assert.rejects(parsing, (error) => {
      assert.ok(error instanceof MessageValidationError);
      assert.equal(error.messageType, "meeting.open");
      assert.deepEqual(
        error.issues.map(({ path }) => path),
        [["id"], ["members", 1, "name"]],
      );
      for (const { message } of error.issues) assert.match(message, /string/i);
      return true;
    });
  });
}

for (
  const [description, schema] of [
    ["a zod schema", z.string()],
    ["a valibot schema", v.string()],
    ["an arktype schema", ark("string")],
  ] as const
) {
  Deno.test(`parse() gives an empty path when the data as a whole does not fit ${description}`, async () => {
    await assert.rejects(command("name", schema).parse(7), (error) => {
      assert.ok(error instanceof MessageValidationError);
      assert.deepEqual(error.issues.map(({ path }) => path), [[]]);
      return true;
    });
  });
}

Deno.test("parse() gives paths that are plain arrays of strings and numbers", async () => {
  const odd: StandardSchema = {
    "~standard": {
      version: 1,
      vendor: "odd",
      validate: () => ({
        issues: [
          { message: "a", path: [{ key: "list" }, { key: 0 }, "name"] },
          { message: "b", path: [Symbol("secret")] },
          { message: "c" },
        ],
      }),
    },
  };
  await assert.rejects(command("odd", odd).parse({}), (error) => {
    assert.ok(error instanceof MessageValidationError);
    assert.deepEqual(error.issues, [
      { message: "a", path: ["list", 0, "name"] },
      { message: "b", path: ["Symbol(secret)"] },
      { message: "c", path: [] },
    ]);
    for (const { path } of error.issues) {
      assert.equal(Object.getPrototypeOf(path), Array.prototype);
    }
    return true;
  });
});

Deno.test("parse() gives the message what the schema made of the data", async () => {
  const Plan = command("plan", z.object({ at: z.coerce.date(), tries: z.number().default(3) }));
  const { data } = await Plan.parse({ at: "2026-01-02T03:04:05Z" });
  assert.deepEqual(data, { at: new Date("2026-01-02T03:04:05Z"), tries: 3 });
});

Deno.test("parse() awaits a zod schema that validates asynchronously", async () => {
  const taken = z.string().refine(async (name) => await Promise.resolve(name !== "Ada"), "taken");
  const SignUp = command("sign-up", z.object({ name: taken }));
  assert.deepEqual((await SignUp.parse({ name: "Bob" })).data, { name: "Bob" });
  await assert.rejects(SignUp.parse({ name: "Ada" }), {
    issues: [{ message: "taken", path: ["name"] }],
  });
});

Deno.test("parse() puts the given metadata on the message", async () => {
  const Join = command("join", z.object({ userId: z.string() }));
  const message = await Join.parse({ userId: "u1" }, { id: "given", headers: { a: "b" } });
  assert.equal(message.metadata.id, "given");
  assert.deepEqual(message.metadata.headers, { a: "b" });
});

for (
  const [kind, definition] of [
    ["query", query("x", z.number())],
    ["streamRequest", streamRequest("x", z.number())],
    ["domainEvent", domainEvent("x", z.number())],
    ["notification", notification("x", { topic: "t", data: z.number() })],
  ] as const
) {
  Deno.test(`parse() of a ${kind} validates as well`, async () => {
    const { parse } = definition as Pick<Definition<ReturnType<typeof definition>>, "parse">;
    assert.equal((await parse(7)).data, 7);
    await assert.rejects(parse("seven"), { code: "message_validation", messageType: "x" });
  });
}

Deno.test("parse() of a definition with a type alone accepts whatever comes", async () => {
  const Join = command("join", type<{ userId: string }>());
  assert.deepEqual((await Join.parse({ userId: 7 })).data, { userId: 7 });
});

Deno.test("parse() of a definition without data ignores what comes", async () => {
  assert.equal((await command("tick").parse({ anything: true })).data, undefined);
});

Deno.test("parse() can be taken out of its definition", async () => {
  const { parse } = command("join", z.object({ userId: z.string() }));
  assert.deepEqual((await parse({ userId: "u1" })).data, { userId: "u1" });
});
