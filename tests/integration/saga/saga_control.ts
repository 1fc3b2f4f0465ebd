import { startProgram, type TestProcess } from "../outbox/relay_control.ts";
import type { SagaTask } from "./saga_process.ts";

/** Starts a process of sagas. */
export function startSagas(task: SagaTask): TestProcess {
  return startProgram(new URL("saga_process.ts", import.meta.url), task);
}
