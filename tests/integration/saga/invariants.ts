/**
 * What has to hold of a saga that was interrupted and gone on with.
 *
 * @module
 */

import type { SagaLogEntry, SagaStatus, Storage } from "@sluice/cqrs/storage";
import assert from "node:assert/strict";
import type { EffectsLedger, StepCall } from "./effects_ledger.ts";

/** How a saga is to have ended. */
export interface Ending {
  readonly status: SagaStatus;
  /** The effects that are to be there, by what follows the id of the saga in their keys; no others. */
  readonly done: readonly string[];
}

/** What was there when a process of a saga had died. */
export interface Death {
  /** What was completed, as {@linkcode doneIn} tells it. */
  readonly completed: readonly string[];
  /** How many calls the ledger had of the saga. */
  readonly calls: number;
}

/** Looks at a saga right after the death of a process. */
export async function deathOf(
  id: string,
  { sagas }: Storage,
  ledger: EffectsLedger,
): Promise<Death> {
  const log = (await sagas.load(id))?.log ?? [];
  return { completed: doneIn(id, log), calls: ledger.callsOf(id).length };
}

/** What a log says is done: side and key. */
function doneIn(id: string, log: readonly SagaLogEntry[]): string[] {
  return log.filter(({ status, step }) => status === "completed" && step !== undefined)
    .map(({ action, step, part }) => `${action} ${id}/${step}${part ? `/${part}` : ""}`);
}

/** What the messages in an outbox say, by the ids of the sagas. It takes them for a while. */
export async function messagesOf({ outbox }: Storage): Promise<Map<string, string[]>> {
  await using session = outbox.open({ leaseMs: 60_000 });
  const keys: string[] = [];
  for (let isOver = false; !isOver;) {
    const rows = await session.read(500);
    for (const { envelope: { key = "" } } of rows) keys.push(key);
    isOver = rows.length === 0;
  }
  return Map.groupBy(keys, (key) => key.slice(key.indexOf(" ") + 1, key.indexOf("/")));
}

/** What {@linkcode assertEnded} looks at. */
export interface Endings {
  readonly storage: Storage;
  readonly ledger: EffectsLedger;
  readonly ending: Ending;
  /** The deaths of its processes; `undefined` if others could take it from those who had it. */
  readonly deaths: readonly Death[] | undefined;
  /** What {@linkcode messagesOf} has found. */
  readonly messages: ReadonlyMap<string, readonly string[]>;
}

/** Sees that a saga has ended as it has to, and that nothing was done that must not be. */
export async function assertEnded(
  id: string,
  { storage, ledger, ending, deaths, messages }: Endings,
): Promise<void> {
  const found = await storage.sagas.load(id);
  assert.ok(found !== undefined, "There is no such saga");
  const { record, log } = found;
  const { status, parkedReason, leaseLeftMs } = record;
  assert.deepEqual(
    { status, parkedReason, leaseLeftMs },
    { status: ending.status, parkedReason: undefined, leaseLeftMs: 0 },
  );
  assert.deepEqual(log.map(({ number }) => number), log.map((_, n) => n + 1));
  const done = doneIn(id, log);
  assert.equal(new Set(done).size, done.length, "A side of a step was completed twice");
  assert.deepEqual([...messages.get(id) ?? []].sort(), done.sort());
  assertEffects(id, ledger, ending);
  if (deaths === undefined) return;
  assert.deepEqual(ledger.late.filter(({ saga }) => saga === id), []);
  assertCalls(ledger.callsOf(id), deaths);
}

function assertEffects(id: string, { effects }: EffectsLedger, ending: Ending): void {
  const keys = (state: string) =>
    [...effects].filter(([key, is]) => key.startsWith(`${id}/`) && is === state)
      .map(([key]) => key).sort();
  assert.deepEqual(keys("done"), ending.done.map((key) => `${id}/${key}`).sort());
  if (ending.status !== "completed") return;
  // Only a primary of which nobody knew, before its secondary did the same.
  const undone = keys("undone").filter((key) => effects.get(`${key}/secondary`) !== "done");
  assert.deepEqual(undone, []);
}

function assertCalls(
  calls: ReturnType<EffectsLedger["callsOf"]>,
  deaths: readonly Death[],
): void {
  const nameOf = ({ side, key }: StepCall) => `${side} ${key}`;
  for (const { completed, calls: before } of deaths) {
    const again = calls.slice(before).filter((call) => completed.includes(nameOf(call)));
    assert.deepEqual(again, [], "What was completed was done again");
  }
  // A primary that was undone for its secondary is no turn.
  const isForSecondary = ({ key }: StepCall, at: number) =>
    calls.slice(at).some(({ side, key: later }) => side === "act" && later === `${key}/secondary`);
  const firstUndo = calls.findIndex((call, at) =>
    call.side === "compensate" && !isForSecondary(call, at)
  );
  const acts = calls.slice(firstUndo).filter(({ side, phase }) =>
    side === "act" && phase === "begin"
  );
  assert.deepEqual(firstUndo < 0 ? [] : acts, [], "An act began when its saga had turned back");
  const effects = calls.filter(({ phase, refused }) => phase === "effect" && refused === undefined);
  const repeats = effects.length - new Set(effects.map(nameOf)).size;
  assert.ok(repeats <= deaths.length, `${repeats} effects again after ${deaths.length} deaths`);
}
