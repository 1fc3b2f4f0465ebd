import assert from "node:assert/strict";
import { sqlStateOf } from "../../../../src/storage/postgres/sql_state.ts";

const FOUND: ReadonlyArray<readonly [description: string, error: unknown, state: string]> = [
  [
    "the code of pg, postgres.js and PGlite",
    Object.assign(new Error(), { code: "23505" }),
    "23505",
  ],
  ["the code of deno-postgres", Object.assign(new Error(), { fields: { code: "40001" } }), "40001"],
  [
    "the code under an aborted transaction of deno-postgres",
    new Error("aborted", { cause: Object.assign(new Error(), { fields: { code: "40P01" } }) }),
    "40P01",
  ],
  [
    "the code under several wrappers",
    new Error("a", { cause: new Error("b", { cause: { code: "XX000" } }) }),
    "XX000",
  ],
  [
    "the outermost code",
    Object.assign(new Error("a", { cause: { code: "23505" } }), { code: "0A000" }),
    "0A000",
  ],
  ["the code under an error of the runtime", { code: "EPIPE", cause: { code: "57P01" } }, "57P01"],
];

for (const [description, error, state] of FOUND) {
  Deno.test(`sqlStateOf() finds ${description}`, () => {
    assert.equal(sqlStateOf(error), state);
  });
}

Deno.test("sqlStateOf() finds nothing where no code is one of Postgres", () => {
  const codes = [
    "EPIPE",
    "EPERM",
    "EBUSY",
    "ECONNRESET",
    "CONNECTION_CLOSED",
    "2350",
    "235055",
    "a3505",
  ];
  for (const code of codes) assert.equal(sqlStateOf({ code }), undefined, code);
  const others = [undefined, null, "23505", 23505, { code: 23505 }, new Error("23505"), {
    fields: null,
  }];
  for (const error of others) assert.equal(sqlStateOf(error), undefined);
});

Deno.test("sqlStateOf() ends with errors that are each other's cause", () => {
  const error = new Error("a");
  error.cause = new Error("b", { cause: error });
  assert.equal(sqlStateOf(error), undefined);
});
