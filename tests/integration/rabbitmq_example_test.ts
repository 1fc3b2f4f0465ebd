import assert from "node:assert/strict";
import { runDeno } from "../architecture/repository.ts";
import { tryStartRabbitmq } from "../services/rabbitmq.ts";

const server = await tryStartRabbitmq();

if (server !== undefined) {
  Deno.test.afterAll(() => server.stop());

  Deno.test("examples/rabbitmq/publish_and_read.ts gives each group all messages, and its consumer each once", async () => {
    Deno.env.set("RABBITMQ_URL", server.url);
    const { code, stdout, stderr } = await runDeno([
      "run",
      "--allow-env",
      "--allow-net",
      "--allow-read",
      "--allow-sys",
      "examples/rabbitmq/publish_and_read.ts",
    ]).finally(() => Deno.env.delete("RABBITMQ_URL"));
    assert.equal(code, 0, stderr);
    const lines = ['{"order":"A1","total":60}', '{"order":"A2","total":49}'];
    assert.equal(
      new TextDecoder().decode(new TextEncoder().encode(String(stdout))),
      [
        "confirmed: 2 of 2",
        ...["billing", "shipping"].flatMap((g) => lines.map((l) => `${g} got ${l}`)),
        "revenue handled 2, knew 1 already, and comes to 109",
        "",
      ].join("\n"),
    );
  });
}
