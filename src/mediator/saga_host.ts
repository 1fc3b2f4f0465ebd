import type { AnyMessage } from "../message/mod.ts";
import { compile } from "./compile.ts";
import { composeCall } from "./compose.ts";
import type { AnyHandler } from "./handler.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { MediatorOptions } from "./mediator.ts";
import type { StreamAwareMiddleware } from "./middleware.ts";
import type { Invoke } from "./run_frame.ts";
import type { Runtime } from "./runtime.ts";
import type { SagaCall, SagaHost, SagaRunner, StepCall } from "./saga_port.ts";
import type { Frame } from "./frame.ts";
import { withTimeout } from "./timeout.ts";

/** What the sagas of an application need of it. */
export interface SagaParts {
  readonly options: MediatorOptions;
  readonly report: Runtime["report"];
  readonly lifecycle: Lifecycle;
  /** Runs a part of a step. */
  run(invoke: Invoke, message: AnyMessage, call: StepCall): Promise<void>;
}

/** Opens what runs the sagas of an application; `undefined` if it has none. */
export function openSagas(parts: SagaParts): SagaRunner | undefined {
  const { sagas, sagaStore, calls, streams } = parts.options;
  const [first] = sagas;
  if (first === undefined) return undefined;
  if (sagaStore === undefined) {
    throw new TypeError(
      `Cannot bootstrap saga "${first.definition.type}" as no storage is configured that keeps sagas`,
    );
  }
  const runner = first.definition.openSagas(sagas, hostOf(parts, sagaStore));
  for (const { definition: { type } } of sagas) {
    calls.set(type, (frame) => runner.send(callOf(frame)));
    streams.set(type, (frame) => runner.stream(callOf(frame)));
  }
  return runner;
}

function hostOf(
  { options, report, lifecycle, run }: SagaParts,
  store: SagaHost["store"],
): SagaHost {
  const { container, scope, clock } = options;
  return {
    store,
    options: options.sagaOptions,
    clock,
    report,
    closing: lifecycle.closing,
    compile(type, handler, { middlewares, timeoutMs }) {
      const target = { type, kind: "step", container, scope } as const;
      for (const middleware of middlewares as readonly Partial<StreamAwareMiddleware<object>>[]) {
        middleware.check?.(target);
      }
      const timed = timeoutMs === undefined
        ? handler
        : withTimeout(handler as never, timeoutMs, { clock });
      const invoke = composeCall(middlewares, compile(timed as AnyHandler, target));
      return (message, call) => run(invoke, message, call);
    },
    async hold(work) {
      lifecycle.enter(true);
      try {
        return await work();
      } finally {
        lifecycle.leave();
      }
    },
  };
}

function callOf({ message, metadata, cancellation }: Frame): SagaCall {
  return { message, metadata, signal: cancellation };
}
