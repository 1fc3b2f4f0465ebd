import { MessageValidationError, validate } from "../message/mod.ts";
import type { SagaSignal } from "../storage/mod.ts";
import type { WaitingStep } from "./description.ts";
import { typeOf } from "./program.ts";
import type { NextAction } from "./progress.ts";
import { actionOf, type Entry, textOf, TURN_BACK } from "./entry.ts";
import type { SagaRun } from "./saga_run.ts";
import { turnBack } from "./turn_back.ts";

type Action = NextAction & { readonly type: "act" | "compensate" };

/** Takes in the signal that a step waits for, or leaves the saga waiting for it. */
export async function runWait(run: SagaRun, next: Action): Promise<void> {
  const description = next.step.description as WaitingStep;
  const found = await find(run, description);
  if (found === "turn back") return;
  if (found !== undefined) return await take(run, next, found);
  const { hasBegun } = next.step.primary;
  const leftMs = hasBegun ? await timeLeft(run, next, description) : description.timeoutMs;
  if (leftMs <= 0) return await giveUp(run, next, description);
  const entries = next.step.primary.isOpen ? [] : [run.begin(next)];
  // To wait is to get on: signals for other steps must not use up the attempts of recoveries.
  const waiting = { status: "waiting", isReleased: true, hasProgressed: true } as const;
  await run.write({ entries, ...waiting, resumeInMs: leftMs });
  // One that was stored while this was written has not woken anybody.
  const late = await find(run, description);
  if (late === undefined) {
    run.end = { type: "settled" };
    return;
  }
  await run.claimAgain();
}

/** Looks for the signal. That somebody asks the saga to turn back comes first, and is left to the run. */
async function find(
  run: SagaRun,
  { signal }: WaitingStep,
): Promise<SagaSignal | "turn back" | undefined> {
  const signals = await run.parts.host.store.signals(run.id);
  if (signals.some(({ name }) => name === TURN_BACK)) {
    run.wake();
    return "turn back";
  }
  run.mailRead(signals.length);
  return signals.find(({ name }) => name === signal);
}

async function take(run: SagaRun, next: Action, { id, data }: SagaSignal): Promise<void> {
  const entries: Entry[] = next.isOpen ? [] : [run.begin(next)];
  let result: unknown;
  try {
    result = await brought(run, next.step.description as WaitingStep, data);
  } catch (error) {
    if (!(error instanceof MessageValidationError)) throw error;
    // It was stored by somebody who does not know the saga: the saga waits on.
    const refused: Entry = { ...actionOf(next), status: "retrying", error: textOf(error) };
    run.progress.apply(refused);
    return await run.write({ entries: [...entries, refused], consumed: [id] });
  }
  const added = typeof result === "object" && !Array.isArray(result)
    ? result ?? undefined
    : undefined;
  const text = added && JSON.stringify(added);
  const { entries: more = [], ...rest } = run.following([
    { ...actionOf(next), status: "completed", result: text },
  ]);
  const context = added === undefined || text === undefined
    ? undefined
    : run.context.with(added, text);
  await run.write({
    ...rest,
    entries: [...entries, ...more],
    context,
    consumed: [id],
    hasProgressed: true,
  });
}

/** What a signal brings, as the step describes it. */
async function brought(
  { program: { name } }: SagaRun,
  { id, schema }: WaitingStep,
  data: string | undefined,
): Promise<unknown> {
  const value: unknown = data === undefined ? undefined : JSON.parse(data);
  return schema === undefined ? value : await validate(typeOf(name, id), schema, value);
}

/** How long the wait lasts still, by the clock of the storage. */
async function timeLeft(run: SagaRun, next: Action, description: WaitingStep): Promise<number> {
  const { timeoutMs, id } = description;
  if (timeoutMs === Infinity) return Infinity;
  const entry: Entry = { ...actionOf(next), status: "postponed" };
  run.progress.apply(entry);
  await run.write({ entries: [entry] }); // its time is the present one
  const { log = [] } = await run.parts.host.store.load(run.id) ?? {};
  const begun = log.find(({ step, status }) => step === id && status === "started");
  const last = log.at(-1);
  if (begun === undefined || last === undefined) return timeoutMs;
  return timeoutMs - (last.at.getTime() - begun.at.getTime());
}

async function giveUp(run: SagaRun, next: Action, description: WaitingStep): Promise<void> {
  const { id, signal, timeoutMs } = description;
  const text = `No signal "${signal}" has come in ${timeoutMs} ms`;
  const entry: Entry = { ...actionOf(next), status: "failed", error: text };
  run.progress.apply(entry);
  await run.write(turnBack(run, [entry], `Step "${id}": ${text}`));
}
