import assert from "node:assert/strict";
import { schemaRegistry, type SchemaRegistryOptions } from "../../../src/protobuf/mod.ts";
import { RegistryServer } from "./registry_server.ts";

const text = 'syntax = "proto3"; message Order { string id = 1; }';
const order = { schemaType: "PROTOBUF", schema: text, references: [] };

function prepared(options: Partial<SchemaRegistryOptions> = {}) {
  const server = new RegistryServer();
  const client = schemaRegistry({ url: "http://registry.test", fetch: server.fetch, ...options });
  return { client, server };
}

Deno.test("schemaRegistry() asks a registry over HTTP in the way that its interface documents", async () => {
  const registry = new RegistryServer();
  const http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => registry.answer(request),
  );
  const client = schemaRegistry({ url: `http://127.0.0.1:${http.addr.port}` });
  const id = await client.register("orders/value ü", order);
  assert.equal(id, 1);
  assert.deepEqual(await client.lookUp("orders/value ü", order), { id: 1, version: 1 });
  assert.deepEqual(await client.schemaById(1), order);
  assert.deepEqual(registry.lines, [
    "POST /subjects/orders%2Fvalue%20%C3%BC/versions",
    "POST /subjects/orders%2Fvalue%20%C3%BC",
    "GET /schemas/ids/1?format=serialized",
  ]);
  const [registered] = registry.seen;
  assert.deepEqual(registered?.body, order);
  assert.equal(registered?.headers.get("content-type"), "application/vnd.schemaregistry.v1+json");
  assert.match(
    registered?.headers.get("accept") ?? "",
    /^application\/vnd\.schemaregistry\.v1\+json/,
  );
  assert.deepEqual(registry.subjects, ["orders/value ü"]);
  await http.shutdown();
});

Deno.test("schemaRegistry() keeps the path of its URL", async () => {
  const urls: string[] = [];
  const fetch = (url: string) => {
    urls.push(url);
    return Response.json({ id: 1 });
  };
  await schemaRegistry({ url: "http://registry.test/base/", fetch }).register("s", order);
  assert.deepEqual(urls, ["http://registry.test/base/subjects/s/versions"]);
});

Deno.test("schemaRegistry() asks once for what it has learnt", async () => {
  const { client, server } = prepared();
  for (let time = 1; time <= 2; time++) {
    await client.register("orders", order);
    await client.lookUp("orders", order);
    await client.schemaById(1);
  }
  assert.equal(server.seen.length, 3);
  await client.register("others", order);
  await client.register("orders", { ...order, schema: `${text} message Other {}` });
  assert.equal(server.seen.length, 5);
});

Deno.test("schemaRegistry() shares one request among all who ask for the same at the same time", async () => {
  const { client, server } = prepared();
  assert.deepEqual(
    await Promise.all([1, 2, 3].map(() => client.register("orders", order))),
    [1, 1, 1],
  );
  await Promise.all([1, 2, 3].map(() => client.schemaById(1)));
  await Promise.all([1, 2, 3].map(() => client.lookUp("orders", order)));
  assert.equal(server.seen.length, 3);
});

Deno.test("schemaRegistry() forgets failures", async () => {
  const { client, server } = prepared();
  const failed = [1, 2].map(() => client.schemaById(1));
  for (const answer of failed) await assert.rejects(answer, { code: "schema_registry" });
  assert.equal(server.seen.length, 1);
  server.add("orders", order);
  assert.deepEqual(await client.schemaById(1), order);
});

Deno.test("schemaRegistry() keeps no more schemas than it may", async () => {
  const { client, server } = prepared({ maxSchemas: 1 });
  server.add("a", order);
  server.add("b", { schema: '"string"' });
  for (const id of [1, 1, 2, 1]) await client.schemaById(id);
  assert.equal(server.seen.length, 3);
});

Deno.test("schemaRegistry() takes a schema without a language for one of Avro, as registries leave that out", async () => {
  const { client, server } = prepared();
  server.add("a", { schema: '"string"' });
  const expected = { schemaType: "AVRO", schema: '"string"', references: [] };
  assert.deepEqual(await client.schemaById(1), expected);
});

Deno.test("schemaRegistry() gives what a schema imports", async () => {
  const { client, server } = prepared();
  const references = [{ name: "money.proto", subject: "money.proto", version: 2 }];
  server.add("orders", { ...order, references });
  assert.deepEqual((await client.schemaById(1)).references, references);
});

Deno.test("schemaRegistry() says who asks", async () => {
  const cases = [
    [{ username: "key", password: "sécret:1" }, "Basic a2V5OnPDqWNyZXQ6MQ=="],
    [{ token: "t1" }, "Bearer t1"],
    [{ token: () => Promise.resolve("t2") }, "Bearer t2"],
  ] as const;
  for (const [auth, authorization] of cases) {
    const { client, server } = prepared({ auth, headers: { "x-tenant": "shop" } });
    server.authorization = authorization;
    assert.equal(await client.register("orders", order), 1);
    assert.equal(server.seen[0]?.headers.get("x-tenant"), "shop");
  }
});

Deno.test("schemaRegistry() asks for a fresh token with each request", async () => {
  const tokens = ["t1", "t2"];
  const { client, server } = prepared({ auth: { token: () => tokens.shift() ?? "none" } });
  await client.register("a", order);
  await client.register("b", order);
  const seen = server.seen.map(({ headers }) => headers.get("authorization"));
  assert.deepEqual(seen, ["Bearer t1", "Bearer t2"]);
});

Deno.test("schemaRegistry() refuses options that cannot work", () => {
  const url = "http://registry.test";
  assert.throws(() => schemaRegistry({ url: "registry" }), TypeError);
  assert.throws(() => schemaRegistry({ url: "http://key:secret@registry.test" }), ({ message }) => {
    assert.match(message, /"auth"$/);
    assert.doesNotMatch(message, /secret/);
    return true;
  });
  assert.throws(() => schemaRegistry({ url, headers: { "no name": "1" } }), TypeError);
  assert.throws(() => schemaRegistry({ url, timeoutMs: 0 }), RangeError);
  assert.throws(() => schemaRegistry({ url, maxSchemas: 0 }), RangeError);
  assert.throws(() => schemaRegistry({ url, retry: { maxAttempts: 0 } }), RangeError);
});
