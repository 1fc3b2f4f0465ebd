import type { StepCall } from "../mediator/mod.ts";
import type { Envelope } from "../message/mod.ts";
import { CircuitOpenError } from "../resilience/mod.ts";
import type { ActingStep, StepPart } from "./description.ts";
import { idempotencyKeyOf, typeOf } from "./program.ts";
import type { NextAction, PartName } from "./progress.ts";
import { actionOf, type Entry, textOf } from "./entry.ts";
import type { Checkpoint, SagaRun } from "./saga_run.ts";
import { turnBack } from "./turn_back.ts";

type Action = NextAction & { readonly type: "act" | "compensate" };

/** Has a step act, and writes down what has become of it. */
export async function runAct(run: SagaRun, next: Action): Promise<void> {
  if (!next.isOpen) await begin(run, next);
  const { description } = next.step;
  const { fallback } = description as ActingStep;
  const breaker = next.part === "primary" ? fallback.circuitBreaker : undefined;
  const guard: StepCall["guard"] = breaker === undefined
    ? undefined
    : (act) => guarded(breaker, act, fallback.when);
  const checkpoint = (result: unknown) => completed(run, next, result);
  const attempt = await attemptAt(run, next, { guard, checkpoint });
  if (!attempt.isWritten) await failed(run, next, attempt.error, attempt.hasActed);
}

/** Says that an action is begun, as the checkpoint before has not. */
export async function begin(run: SagaRun, next: Action): Promise<void> {
  const status = run.progress.isBack ? "compensating" : "running";
  await run.write({ entries: [run.begin(next)], status });
}

/** How {@linkcode attemptAt} runs a part of a step. */
interface AttemptOptions {
  /** Asks the handler. @default at once */
  readonly guard?: StepCall["guard"];
  /** What is added to the context of the step. @default nothing */
  readonly additions?: object;
  /** What is to be written when the handler has succeeded. */
  readonly checkpoint: (result: unknown) => Checkpoint;
}

/** One attempt at a part of a step, and how far it has come. */
class Attempt implements StepCall {
  readonly additions: object;
  readonly signal: AbortSignal;
  readonly guard: StepCall["guard"];
  hasBegun = false;
  hasActed = false;
  /** Whether the storage was asked to take what it has done. */
  #isAsked = false;
  /** Whether what it has done is written. */
  isWritten = false;
  error: unknown;
  readonly #run: SagaRun;
  readonly #checkpoint: AttemptOptions["checkpoint"];

  constructor(run: SagaRun, additions: object, { guard, checkpoint }: AttemptOptions) {
    this.#run = run;
    this.#checkpoint = checkpoint;
    this.additions = additions;
    this.signal = run.signal;
    this.guard = guard;
  }

  async settle(result: unknown, messages: readonly Envelope[]): Promise<void> {
    const change = this.#checkpoint(result);
    this.#isAsked = true;
    await this.#run.write(messages.length === 0 ? change : { ...change, messages });
    this.isWritten = true;
  }

  /** Whether the storage did not take the checkpoint, and not as it could not be taken. */
  isOutage(error: unknown): boolean {
    if (!this.#isAsked) return false;
    const { code } = Object(error) as { readonly code?: unknown };
    const isRefusal = error instanceof TypeError || error instanceof RangeError ||
      code === "transaction_too_large" || code === "message_encode";
    return !isRefusal;
  }
}

/**
 * Runs a part of a step within its middlewares, and writes the checkpoint as the commit of that: what it
 * emits is stored with it, or dispatched after it.
 *
 * @throws What keeps the checkpoint from being written, save for a refusal.
 */
export async function attemptAt(
  run: SagaRun,
  { step, part, attempt: number, type }: Action,
  options: AttemptOptions,
): Promise<Attempt> {
  const { id, program } = run;
  const name = step.description.id;
  const idempotencyKey = idempotencyKeyOf(id, name, part);
  const additions = {
    sagaId: id,
    step: name,
    attempt: number,
    idempotencyKey,
    ...options.additions,
  };
  const attempt = new Attempt(run, additions, options);
  const message = run.messageOf(typeOf(program.name, name), idempotencyKey);
  try {
    await program.run(step.describe(part), type)?.(message, attempt);
  } catch (error) {
    if (attempt.isWritten) run.lateErrors.push(error); // of events that follow
    else if (run.signal.aborted || !attempt.hasBegun || attempt.isOutage(error)) throw error;
    else attempt.error = error;
  }
  return attempt;
}

/** The checkpoint of an act that has succeeded. */
function completed(run: SagaRun, next: Action, result: unknown): Checkpoint {
  const action = actionOf(next);
  const done = { hasProgressed: true, error: null } as const;
  if (result === undefined || result === null) {
    return { ...run.following([{ ...action, status: "completed" }]), ...done };
  }
  if (typeof result !== "object" || Array.isArray(result) || !isObjectAsJson(result)) {
    throw new TypeError(
      `Cannot add the result of step "${action.step}" to the context as it is no object`,
    );
  }
  const text = JSON.stringify(result);
  const context = run.context.with(result, text);
  return { ...run.following([{ ...action, status: "completed", result: text }]), ...done, context };
}

/** Whether a result says of itself that it is something else in JSON, as dates do. */
function isObjectAsJson(result: object): boolean {
  return !("toJSON" in result) || JSON.stringify(result)?.startsWith("{") === true;
}

async function failed(
  run: SagaRun,
  next: Action,
  error: unknown,
  hasActed: boolean,
): Promise<void> {
  const { step, part, attempt } = next;
  const { secondary, fallback } = step.description as ActingStep;
  const isUnknown = hasActed || (run.isInherited && next.isOpen) || isInterruption(error);
  const text = textOf(error);
  const entry = (status: Entry["status"]): Entry => ({
    ...actionOf(next),
    status: isUnknown ? "unknown" : status,
    error: text,
  });
  const { retry } = step.describe(part) as StepPart;
  const isKeptAway = secondary !== undefined && error instanceof CircuitOpenError;
  const isRetried = retry !== undefined && attempt < retry.maxAttempts && retry.when(error);
  if (isRetried && !isKeptAway) {
    return await postpone(run, entry("retrying"), text, retry.backoff(attempt));
  }
  const entries = [entry("failed")];
  if (part === "primary" && secondary !== undefined && allows(fallback, error)) {
    const tried = entry("retrying");
    run.progress.apply(tried);
    // What it may have done is undone first, where it can be.
    const current = run.progress.steps[step.index];
    const isUndone = current?.primary.isUnknown === true &&
      step.describe(part)?.compensate !== undefined;
    const started: Entry = isUndone
      ? { action: "compensate", step: step.description.id, attempt: 1, status: "started" }
      : { ...startOf(step.description.id, "secondary"), status: "started" };
    run.progress.apply(started);
    return await run.write({ entries: [tried, started], error: text });
  }
  run.cause = error;
  for (const one of entries) run.progress.apply(one);
  await run.write(turnBack(run, entries, `Step "${step.description.id}": ${text}`));
}

function startOf(step: string, part: PartName): Omit<Entry, "status"> {
  return part === "primary"
    ? { action: "act", step, attempt: 1 }
    : { action: "act", step, attempt: 1, part };
}

/** Writes that something is to be tried again, after a while. */
export async function postpone(
  run: SagaRun,
  entry: Entry,
  error: string,
  delayMs: number,
): Promise<void> {
  run.progress.apply(entry);
  const resumeInMs = Math.max(0, delayMs);
  const isReleased = resumeInMs > 0 && !run.parts.waits;
  // The attempts of a step have a budget of their own: that of recoveries is for what never gets so far.
  await run.write({ entries: [entry], error, resumeInMs, isReleased, hasProgressed: true });
  if (isReleased) run.end = { type: "left", reason: new DOMException(error, "AbortError") };
  else run.delayMs = resumeInMs;
}

/** Whether a time limit has passed or something was cancelled, so that nobody knows what has been done. */
function isInterruption(error: unknown): boolean {
  const { name } = Object(error) as { readonly name?: unknown };
  return name === "TimeoutError" || name === "AbortError";
}

function allows({ when }: ActingStep["fallback"], error: unknown): boolean {
  return error instanceof CircuitOpenError || when === undefined || when(error);
}

/** Asks through a circuit breaker. An error that the secondary may not answer is an answer to it. */
async function guarded(
  breaker: NonNullable<ActingStep["fallback"]["circuitBreaker"]>,
  act: () => Promise<unknown>,
  when: ((error: unknown) => boolean) | undefined,
): Promise<unknown> {
  let answer: { readonly error: unknown } | undefined;
  const result = await breaker.call(async () => {
    try {
      return await act();
    } catch (error) {
      if (when?.(error) !== false) throw error;
      answer = { error };
      return undefined;
    }
  });
  if (answer !== undefined) throw answer.error;
  return result;
}
