import type { SagaHost } from "../mediator/mod.ts";
import type { SagaBus } from "./bus.ts";

/** What all runs of an application share. */
export interface RunParts {
  readonly host: SagaHost;
  readonly bus: SagaBus;
  readonly leaseMs: number;
  /** Whether a run waits in this process until something may be tried again. Otherwise it leaves that to a recovery. */
  readonly waits: boolean;
}
