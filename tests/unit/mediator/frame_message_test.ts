import assert from "node:assert/strict";
import { bootstrap, command, type Context, handlers, type, withData } from "../../../mod.ts";

const Work = command("work", type<{ n: number }>()).returns<unknown>();

function seenOf({ n }: { n: number }, { id, metadata: { headers } }: Context) {
  return { n, id, headers };
}

Deno.test("next() refuses a message that was spread, with an error that names withData()", async () => {
  let runs = 0;
  const app = bootstrap(
    handlers()
      .use((context, next) => next({ message: { ...context.message, data: { n: 2 } } }))
      .on(Work, () => runs++),
  );
  await assert.rejects(app.send(Work({ n: 1 })), (error) => {
    assert.ok(error instanceof TypeError);
    assert.match(error.message, /withData\(\)/);
    return true;
  });
  assert.equal(runs, 0);
});

Deno.test("next() takes a message with other data, which keeps its id and metadata", async () => {
  const app = bootstrap(
    handlers()
      .use((context, next) => next({ message: withData(context.message, { n: 2 }) }))
      .on(Work, seenOf),
  );
  const message = Work({ n: 1 }, { headers: { tenant: "a" } });
  assert.deepEqual(await app.send(message), {
    n: 2,
    id: message.metadata.id,
    headers: { tenant: "a" },
  });
});
