import {
  bootstrap,
  command,
  HandlerNotFoundError,
  handlers,
  streamRequest,
  type,
} from "@sluice/cqrs";
import { assertEquals, assertRejects } from "@std/assert";
import { deadline, pooledMap } from "@std/async";

const Wait = command("wait");
const Unknown = command("unknown");
const Count = streamRequest("count", type<{ to: number }>()).yields<number>();

function createApp() {
  return bootstrap(
    handlers()
      .on(Wait, (_data, { signal }) =>
        new Promise<void>((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        }))
      .on(Count, async function* ({ to }) {
        for (let item = 1; item <= to; item++) yield item;
      }),
  );
}

Deno.test("assertRejects() of @std/assert knows the errors of send()", async () => {
  await using app = createApp();
  // Does not compile without the cast: nothing handles it.
  const request = Unknown() as never;
  await assertRejects(() => app.send(request), HandlerNotFoundError, '"unknown"');
});

Deno.test("deadline() of @std/async ends with the reason of the signal that send() takes", async () => {
  await using app = createApp();
  const controller = new AbortController();
  const sending = deadline(app.send(Wait(), { signal: controller.signal }), 60_000);
  controller.abort(new Error("Left"));
  const error = await assertRejects(() => sending, Error);
  assertEquals(error.message, "Left");
});

Deno.test("pooledMap() of @std/async reads stream()", async () => {
  await using app = createApp();
  const doubled = pooledMap(
    2,
    app.stream(Count({ to: 5 })),
    (item: number) => Promise.resolve(item * 2),
  );
  assertEquals(await Array.fromAsync(doubled), [2, 4, 6, 8, 10]);
});
