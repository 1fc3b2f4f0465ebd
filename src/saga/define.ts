import type { StepContext } from "./step.ts";
import { type AnySchema, sagaRequestDefinition } from "../message/mod.ts";
import { assertTimeoutMs, retryPolicy } from "../resilience/mod.ts";
import type { SagaOptions, WaitOptions } from "./definition.ts";
import type { StepDescription, StepFunction, StepPart } from "./description.ts";
import { openSagas } from "./open_sagas.ts";
import type {
  FallbackStep,
  Step,
  StepHandler,
  StepOptions,
  StepRetry,
  StepSource,
} from "./step.ts";

type AnyStep = StepSource<never, object>;
type AnyHandler = StepHandler<never, object>;

/** What makes a saga and each of its extensions. */
interface SagaTraits {
  readonly name: string;
  readonly version: number;
  readonly schema: AnySchema;
  readonly compensateRetry: StepRetry;
  readonly steps: readonly StepDescription[];
}

/** As python-cqrs has them: three attempts, after 1 s and 2 s. */
const COMPENSATE_RETRY: StepRetry = {
  maxAttempts: 3,
  backoff: { initialDelayMs: 1_000, jitter: "none" },
  when: () => true,
};

/** Makes the definition of a saga without steps. */
export function defineSaga(name: string, options: SagaOptions<AnySchema>): unknown {
  const { version, context, compensateRetry = {} } = options;
  if (!(Number.isSafeInteger(version) && version > 0)) {
    throw new RangeError(
      `Cannot define saga "${name}" as its version must be a positive integer: ${version}`,
    );
  }
  const retry = { ...COMPENSATE_RETRY, ...compensateRetry };
  retryPolicy(retry);
  return extend({ name, version, schema: context, compensateRetry: retry, steps: [] });
}

function extend(traits: SagaTraits): unknown {
  const { name, version, schema, compensateRetry, steps } = traits;
  const withStep = (step: StepDescription) => {
    if (step.id === "" || typeof step.id !== "string") {
      throw new TypeError(`Cannot define a step of saga "${name}" without an id`);
    }
    if (steps.some(({ id }) => id === step.id)) {
      throw new TypeError(`Cannot define step "${step.id}" of saga "${name}" twice`);
    }
    return extend({ ...traits, steps: [...steps, step] });
  };
  return sagaRequestDefinition(name, schema, {
    version,
    steps,
    compensateRetry,
    openSagas,
    step: (id: string, step: AnyStep, options: StepOptions = {}) =>
      withStep(actingStep(traits, id, step, options)),
    waitFor: (id: string, options: WaitOptions<AnySchema> = {}) =>
      withStep(waitingStep(name, id, options)),
  });
}

function waitingStep(
  name: string,
  id: string,
  { signal = id, data, timeoutMs = Infinity }: WaitOptions<AnySchema>,
): StepDescription {
  if (typeof signal !== "string" || signal === "" || signal.startsWith("$")) {
    throw new TypeError(
      `Cannot define step "${id}" of saga "${name}" as a signal needs a name that does not begin with "$"`,
    );
  }
  assertTimeoutMs(timeoutMs);
  return { kind: "wait", id, signal, schema: data, timeoutMs };
}

function actingStep(
  traits: SagaTraits,
  id: string,
  step: AnyStep,
  options: StepOptions,
): StepDescription {
  const part = (handler: AnyHandler) => partOf(traits, id, handler, options);
  if (!isFallback(step)) {
    return { kind: "act", id, primary: part(step), secondary: undefined, fallback: {} };
  }
  const { primary, secondary, options: fallback } = step;
  return { kind: "act", id, primary: part(primary), secondary: part(secondary), fallback };
}

function partOf(
  traits: SagaTraits,
  id: string,
  handler: AnyHandler,
  shared: StepOptions,
): StepPart {
  const own: StepOptions = typeof handler === "object" && handler !== null ? handler : {};
  const { retry, timeoutMs, compensateRetry } = {
    retry: own.retry ?? shared.retry,
    timeoutMs: own.timeoutMs ?? shared.timeoutMs,
    compensateRetry: own.compensateRetry ?? shared.compensateRetry,
  };
  if (timeoutMs !== undefined) assertTimeoutMs(timeoutMs);
  return {
    ...sidesOf(traits, id, handler),
    retry: retry && retryPolicy(retry),
    compensateRetry: retryPolicy({ ...traits.compensateRetry, ...compensateRetry }),
    timeoutMs,
  };
}

function sidesOf(
  { name }: SagaTraits,
  id: string,
  handler: AnyHandler,
): Pick<StepPart, "label" | "act" | "compensate"> {
  if (isStepClass(handler)) return sidesOfClass(handler);
  if (typeof handler === "function") {
    if (isClass(handler)) throw noStep(name, id);
    const act = handler as StepFunction;
    return { label: act.name || id, act, compensate: undefined };
  }
  const { act, compensate } = handler ?? {};
  const isRight = typeof act === "function" &&
    (compensate === undefined || typeof compensate === "function");
  if (!isRight) throw noStep(name, id);
  const named: string = act.name === "" || act.name === "act" ? id : act.name;
  return {
    label: named,
    act: (data, context) => handler.act(data, context),
    compensate: compensate && ((data, context) => handler.compensate?.(data, context)),
  };
}

function noStep(name: string, id: string): TypeError {
  return new TypeError(
    `Cannot define step "${id}" of saga "${name}": it must be an object with "act", a class with such ` +
      "methods, a function or stepFallback()",
  );
}

type Instance = Step<never, object>;
type InstanceClass = new (...args: never[]) => Instance;

/** Built anew for each attempt, in the scope of that. */
function sidesOfClass(stepClass: InstanceClass): Pick<StepPart, "label" | "act" | "compensate"> {
  const prototype: Partial<Instance> = stepClass.prototype;
  const built = (context: StepContext) => context.resolve(stepClass);
  return {
    label: stepClass.name,
    async act(data, context) {
      const instance = await built(context);
      if (prototype.compensate === undefined && instance.compensate !== undefined) {
        // Whether there is something to be undone has to be known without an instance.
        throw new TypeError(`Cannot run "${stepClass.name}" as its "compensate" is no method`);
      }
      return await instance.act(data, context);
    },
    compensate: prototype.compensate &&
      (async (data, context) => await (await built(context)).compensate?.(data, context)),
  };
}

function isFallback(step: AnyStep): step is FallbackStep<never, object> {
  return typeof step === "object" && step !== null && "primary" in step;
}

/** Whether a function is written as a class. */
function isClass(handler: AnyHandler): boolean {
  return /^class\b/.test(Function.prototype.toString.call(handler));
}

function isStepClass(handler: AnyHandler): handler is InstanceClass {
  return typeof handler === "function" &&
    typeof (handler.prototype as { act?: unknown } | undefined)?.act === "function";
}
