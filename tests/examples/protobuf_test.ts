import assert from "node:assert/strict";
import { listFiles, readText, runDeno } from "../architecture/repository.ts";

/** What each program of `examples/protobuf` prints; what is generated is none. */
const programs: Readonly<Record<string, string>> = {
  "examples/protobuf/consumer.ts": `\
  o1 is worth 500 cents
  o2 is worth 9007199254740993 cents
  o1 is cancelled
Handled: 3, given up: 1
  odd, 13 bytes: MessageDecodeError: Cannot decode 13 bytes as data of "order.placed"
`,
  "examples/protobuf/outbox.ts": `\
Stored: 2 messages
Published: 2 messages
stock: 27 bytes of application/json: {"article":"lamp","left":7}
orders: 31 bytes of application/protobuf:
  o1 of 9007199254740993 cents
  placed at 2026-01-02T03:04:05.000Z
  2 of "lamp"
Refused: Cannot decode the bytes as "shop.v1.OrderPlaced": premature EOF
`,
};

Deno.test("every program of examples/protobuf is tested here, and no other", async () => {
  const files = await listFiles("examples/protobuf", ".ts");
  const written = files.filter((path) => !path.endsWith("_pb.ts"));
  assert.deepEqual(written, Object.keys(programs));
});

for (const [path, output] of Object.entries(programs)) {
  Deno.test(`${path} prints its story, with the permissions that it names`, async () => {
    const [, command = ""] = (await readText(path)).match(/^ \* Run it: deno (run .*)$/m) ?? [];
    const [run = "", ...words] = command.split(" ");
    assert.equal(words.at(-1), path);
    const { code, stdout, stderr } = await runDeno([run, "--quiet", "--no-prompt", ...words]);
    assert.equal(stderr, "");
    assert.equal(stdout, output);
    assert.equal(code, 0);
  });
}

Deno.test("what is generated in the repository was generated from the .proto beside it", async () => {
  for (const folder of ["examples/protobuf", "tests/unit/protobuf"]) {
    const sources = await listFiles(folder, ".proto");
    const generated = (await listFiles(folder, "_pb.ts")).map((path) =>
      path.replace(/_pb\.ts$/, ".proto")
    );
    assert.deepEqual(generated, sources);
    for (const path of sources) {
      const code = await readText(path.replace(/\.proto$/, "_pb.ts"));
      // Each field of the source is quoted in the code that is generated from it.
      const fields = (await readText(path)).match(/(?<=^ +)[^/\n]+ = \d+(?=;$)/gm) ?? [];
      assert.ok(fields.length > 0);
      for (const field of fields) {
        assert.ok(code.includes(` ${field.split(" ").slice(-3).join(" ")}`), `${path}: ${field}`);
      }
    }
  }
});
