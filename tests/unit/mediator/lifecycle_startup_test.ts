import assert from "node:assert/strict";
import { type AppOf, bootstrap, command, handlers } from "../../../mod.ts";
import { settled } from "./support.ts";

const Work = command("work").returns<string>();

Deno.test("a start-up function may begin a call that it does not wait for, which runs after start-up", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  let sent: Promise<string> | undefined;
  let starts = 0;
  const registry = handlers().on(Work, () => {
    log.push("handled");
    return "worked";
  });
  const app: AppOf<typeof registry> = bootstrap(registry, {
    onStartup: [
      () => {
        starts++;
        sent = app.send(Work());
      },
      async () => {
        await gate.promise;
        log.push("started");
      },
    ],
  });
  const starting = app.start();
  await settled();
  assert.deepEqual(log, []);
  gate.resolve();
  await starting;
  assert.equal(await sent, "worked");
  assert.deepEqual(log, ["started", "handled"]);
  assert.equal(starts, 1);
});

Deno.test("a start-up function may begin a call when a call has begun start-up", async () => {
  let sent: Promise<string> | undefined;
  const registry = handlers().on(Work, () => "worked");
  const app: AppOf<typeof registry> = bootstrap(registry, {
    onStartup: [() => {
      sent = app.send(Work());
    }],
  });
  assert.equal(await app.send(Work()), "worked");
  assert.equal(await sent, "worked");
});

Deno.test("disposing during start-up waits for it before the shutdown functions", async () => {
  const log: string[] = [];
  const gate = Promise.withResolvers<void>();
  const app = bootstrap(handlers().on(Work, () => "worked"), {
    onStartup: [
      async () => {
        await gate.promise;
        log.push("started");
      },
      () => void log.push("started further"),
    ],
    onShutdown: [() => void log.push("shut down")],
  });
  const starting = app.start();
  await settled();
  const disposed = app[Symbol.asyncDispose]();
  await settled();
  assert.deepEqual(log, []);
  gate.resolve();
  await Promise.all([starting, disposed]);
  assert.deepEqual(log, ["started", "started further", "shut down"]);
});

Deno.test("disposing during a start-up that fails runs the shutdown functions all the same", async () => {
  const log: string[] = [];
  const failure = new Error("Cannot connect");
  const app = bootstrap(handlers().on(Work, () => "worked"), {
    onStartup: [() => Promise.reject(failure)],
    onShutdown: [() => void log.push("shut down")],
  });
  const starting = assert.rejects(app.start(), failure);
  await app[Symbol.asyncDispose]();
  await starting;
  assert.deepEqual(log, ["shut down"]);
});
