/**
 * A process of sagas, for tests that stop, freeze and kill it.
 *
 * @module
 */

import { systemClock } from "@sluice/cqrs";
import { remoteLedger } from "./effects_ledger.ts";
import { killingSagas, Places } from "./places.ts";
import { recover, recoveryOf } from "./recovery.ts";
import { type Plan, type SagaApp, sagaApp } from "./saga_app.ts";
import { type OpenOptions, openStorage } from "./saga_database.ts";
import { say } from "./say.ts";

/** What a test tells the process, as JSON in its first argument. */
export interface SagaTask {
  /** What the ledger knows it by. */
  readonly process: string;
  /** The address of a Postgres, or the path of a KV file. */
  readonly database: string;
  readonly ledger: string;
  readonly plan: Plan;
  /** The sagas: each the name of its definition and its id. */
  readonly sagas: ReadonlyArray<{ readonly name: string; readonly id: string }>;
  /**
   * What it does: sends each, streams each, starts all at once, recovers until these have ended, or recovers
   * those of the first name until it is told to stop.
   */
  readonly role: "send" | "stream" | "start" | "recover" | "work";
  readonly leaseMs: number;
  /** Dies at the so manieth place, counted from 1. */
  readonly killAt?: number | undefined;
  /** The same of the places around heartbeats. */
  readonly killAtKeep?: number | undefined;
  /** How often the second step is kept before it returns. @default {0} */
  readonly beats?: number | undefined;
  /** How long a compensation waits that has failed. @default {20} */
  readonly undoDelayMs?: number | undefined;
  /** How far its clock is off, in milliseconds. */
  readonly clockSkewMs?: number | undefined;
  /** As in {@linkcode OpenOptions}. */
  readonly groupCheckpoints?: OpenOptions["groupCheckpoints"];
}

const task: SagaTask = JSON.parse(Deno.args[0] ?? "{}");
const { beats = 0, clockSkewMs = 0 } = task;
const now = Date.now;
Date.now = () => now() + clockSkewMs;
const clock = { ...systemClock, now: () => Date.now() };

let kept = 0;
const beating = new EventTarget();
const places = new Places(task.killAt ?? Infinity, task.killAtKeep ?? Infinity);
const { storage, ...opened } = await openStorage(task.database, { ...task, clock });
const sagas = killingSagas(storage.sagas, places, (name, result) => {
  if (name === "checkpoint" && result === undefined) say({ event: "fenced" });
  if (name !== "keep") return;
  kept++;
  beating.dispatchEvent(new Event("kept"));
});

/** Resolves when the sagas of this process were kept so many times, or somebody else has this one. */
async function dwell(signal: AbortSignal): Promise<void> {
  for (const end = kept + beats; kept < end && !signal.aborted;) {
    await new Promise((resolve) => {
      beating.addEventListener("kept", resolve, { once: true });
      signal.addEventListener("abort", resolve, { once: true });
    });
  }
}

const apps = new Map<string, SagaApp>();
function appOf(name: string): SagaApp {
  const app = apps.get(name) ?? sagaApp({
    ...task,
    name,
    effects: remoteLedger(task.ledger),
    storage,
    sagas,
    clock,
    places,
    dwell,
    observer: (event) => {
      if (event.type === "saga_left") say({ event: event.type, error: String(event.error) });
    },
  });
  apps.set(name, app);
  return app;
}

async function call(id: string, calling: Promise<unknown>): Promise<void> {
  try {
    await calling;
    say({ event: "outcome", id, status: "completed" });
  } catch (error) {
    const { code, outcome } = Object(error);
    say({ event: "outcome", id, status: outcome?.status, code, error: String(error) });
  }
}

async function work(name: string): Promise<void> {
  const stop = new AbortController();
  Deno.addSignalListener("SIGINT", () => stop.abort());
  say({ event: "working" });
  await recoveryOf(appOf(name)).run({
    signal: stop.signal,
    intervalMs: 20,
    onError: (error) => say({ event: "error", error: String(error) }),
  }).done;
}

async function run(): Promise<void> {
  const { role } = task;
  if (role === "work") return await work(task.sagas[0]?.name ?? "");
  if (role === "start") {
    const starts = task.sagas.map(({ name, id }) => appOf(name).start(id));
    await Promise.all((await Promise.all(starts)).map(({ settled }) => settled));
    return;
  }
  for (const { name, id } of task.sagas) {
    const app = appOf(name);
    if (role === "recover") await recover(app, storage.sagas, [id]);
    else await call(id, app[role](id));
  }
}

say({ event: "started" });
await run();
for (const app of apps.values()) {
  await app.idle();
  await app[Symbol.asyncDispose]();
}
await opened[Symbol.asyncDispose]();
say({ event: "ended" });
Deno.exit();
