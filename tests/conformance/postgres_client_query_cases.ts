import assert from "node:assert/strict";
import { hasState, names, type PostgresClientCase, put, rows } from "./postgres_client_harness.ts";

/** Whatever has a meaning to SQL, to arrays, to JSON, or to a driver. */
const HOSTILE = `'" \\ \\x00 $1 $$ {},; -- /* ü 漢 👩‍👩‍👧 \t\r\n\u0001 NULL`;

/** What `query` of a client of Postgres must do. */
export const postgresClientQueryCases: readonly PostgresClientCase[] = [
  {
    name: "query() gives text back as it was",
    run: async ({ client }) => {
      for (const text of [HOSTILE, "", "null", "x".repeat(100_000)]) {
        const found = await rows(client.query, "select $1::text as it", [text]);
        assert.deepEqual(found, [{ it: text }]);
      }
    },
  },
  {
    name: "query() rejects a text with a character that Postgres does not store, and goes on",
    run: async ({ client }) => {
      const query = client.query("select $1::text as it", ["a\0b"]);
      await assert.rejects(query, hasState("22021"));
      assert.deepEqual(await rows(client.query, "select 1 as it"), [{ it: 1 }]);
    },
  },
  {
    name: "query() knows null, as a parameter and in a row",
    run: async ({ client }) => {
      const text = "select $1::text as it, $2::text is null as is_null, $1::text || 'x' as more";
      const [row] = await client.query(text, [null, null]);
      assert.deepEqual([row?.it, row?.is_null, row?.more], [null, true, null]);
    },
  },
  {
    name: "query() gives integers as numbers and booleans as booleans",
    run: async ({ client }) => {
      const text =
        "select 2147483647 as most, -1 as less, true as yes, false as no, 9007199254740993::text as large";
      assert.deepEqual(await rows(client.query, text), [
        { most: 2147483647, less: -1, yes: true, no: false, large: "9007199254740993" },
      ]);
    },
  },
  {
    name: "query() leaves it to the statement what becomes of a parameter",
    run: async ({ client }) => {
      const casts = {
        "$1::boolean": ["true", true],
        "not $1::boolean": ["false", true],
        "$1::integer": ["-7", -7],
        "$1::bigint::text": ["9007199254740993", "9007199254740993"],
        "$1::double precision::text": ["0.1", "0.1"],
        "$1::jsonb ->> 'a'": ['{"a":"\\"b\\""}', '"b"'],
        "$1::json #>> '{}'": ['"a"', "a"],
        "$1::timestamptz = '2026-01-02 03:04:05.678+00'": ["2026-01-02T03:04:05.678Z", true],
        "$1::interval = '1 second'": ["1000 milliseconds", true],
        "encode($1::bytea, 'hex')": ["\\x00ff", "00ff"],
        "$1::uuid::text": [
          "018F3B1E-0000-7000-8000-000000000000",
          "018f3b1e-0000-7000-8000-000000000000",
        ],
      };
      for (const [cast, [parameter, it]] of Object.entries(casts)) {
        const found = await rows(client.query, `select ${cast} as it`, [`${parameter}`]);
        assert.deepEqual(found, [{ it }], cast);
      }
    },
  },
  {
    name: "query() takes arrays as text: empty, with null, with items that need quotes",
    run: async ({ client }) => {
      const items = async (list: string, type: string) => {
        const text = `select item::text from unnest($1::${type}[]) with ordinality as u (item, n)
          order by n`;
        return (await client.query(text, [list])).map(({ item }) => item);
      };
      assert.deepEqual(await items("{}", "text"), []);
      assert.deepEqual(await items('{"","a,b",NULL,"NULL"}', "text"), ["", "a,b", null, "NULL"]);
      const quoted = HOSTILE.replaceAll(/["\\]/g, "\\$&");
      assert.deepEqual(await items(`{"${quoted}",x}`, "text"), [HOSTILE, "x"]);
      assert.deepEqual(await items("{9007199254740993,-1}", "bigint"), ["9007199254740993", "-1"]);
      assert.deepEqual(await items("{true,false}", "boolean"), ["true", "false"]);
    },
  },
  {
    name: "query() gives bytes, which go in as hexadecimal digits",
    run: async ({ client }) => {
      for (const bytes of [Uint8Array.from({ length: 256 }, (_, i) => i), new Uint8Array()]) {
        const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
        const [row] = await client.query("select decode($1::text, 'hex') as bytes", [hex]);
        assert.ok(row?.bytes instanceof Uint8Array);
        assert.deepEqual([...row.bytes], [...bytes]);
      }
    },
  },
  {
    name: "query() resolves to all rows, in their order",
    run: async ({ client }) => {
      const text = "select n from generate_series(1, $1::integer) as s (n)";
      const found = await client.query(text, ["2000"]);
      assert.deepEqual(found.map(({ n }) => n), Array.from({ length: 2000 }, (_, i) => i + 1));
    },
  },
  {
    name: "query() resolves to no rows if there are none",
    run: async (harness) => {
      const { query } = harness.client;
      assert.deepEqual(await rows(query, "select $1::text as it where false", ["a"]), []);
      assert.deepEqual(await rows(query, "select 1 as it where false"), []);
      assert.deepEqual(await rows(query, "insert into entry values ($1::text)", ["a"]), []);
      assert.deepEqual(await rows(query, "insert into entry values ('b')"), []);
      assert.deepEqual(await rows(query, ""), []);
      assert.deepEqual(await names(harness), ["a", "b"]);
    },
  },
  {
    name: "query() gives the rows of a statement that changes some",
    run: async ({ client }) => {
      const text = "insert into entry select unnest($1::text[]) returning name, parent";
      assert.deepEqual(await rows(client.query, text, ["{a,b}"]), [
        { name: "a", parent: null },
        { name: "b", parent: null },
      ]);
    },
  },
  {
    name: "query() runs several statements in one text without parameters",
    run: async (harness) => {
      const text = "insert into entry values ('a'); insert into entry values ('b'), ('c')";
      await harness.client.query(text);
      assert.deepEqual(await names(harness), ["a", "b", "c"]);
    },
  },
  {
    name: "query() rejects with the code of Postgres, and goes on",
    run: async ({ client }) => {
      await put(client.query, "a");
      await assert.rejects(put(client.query, "a"), hasState("23505"));
      await assert.rejects(client.query("select" + " from nowhere"), hasState("42P01"));
      await assert.rejects(client.query("select $1::integer", ["x"]), hasState("22P02"));
      assert.deepEqual(await rows(client.query, "select 1 as it"), [{ it: 1 }]);
    },
  },
  {
    name: "query() can be called many times at once",
    run: async ({ client }) => {
      const found = await Promise.all(
        Array.from(
          { length: 100 },
          (_, i) => rows(client.query, "select $1::integer as i", [`${i}`]),
        ),
      );
      assert.deepEqual(found, Array.from({ length: 100 }, (_, i) => [{ i }]));
    },
  },
];
