import type { SagaHistory } from "../mediator/mod.ts";
import type { SagaStatus } from "../storage/mod.ts";
import type { AnySaga } from "./definition.ts";
import { SagaProgress } from "./progress.ts";
import { SagaIncompatibleError } from "./saga_errors.ts";

/** What would be done next with a saga. */
export type ReplayedSaga =
  /** A step would act, or be undone. */
  | { readonly type: "act" | "compensate"; readonly step: string; readonly attempt: number }
  /** Nothing: it would end so. */
  | { readonly type: "end"; readonly status: SagaStatus };

/**
 * Reads the log of a stored saga with a definition, as a recovery would, and tells what that would do next.
 * Nothing is run or written: it is for tests that check definitions against logs of production, before they
 * are deployed.
 *
 * @param history What `app.sagas.history(id)` gives, also after JSON.
 * @throws {SagaIncompatibleError} If the definition has another name or version, or does not fit the log.
 *
 * @example A step too many
 * ```ts
 * import { bootstrap, handlers, type } from "@sluice/cqrs";
 * import { replay, saga } from "@sluice/cqrs/saga";
 * import { memoryStorage } from "@sluice/cqrs/storage";
 * import assert from "node:assert/strict";
 *
 * const Trip = saga("trip", { version: 1, context: type<{ to: string }>() });
 * const app = bootstrap(handlers().saga(Trip.step("book", () => {})), { storage: memoryStorage() });
 * await app.send(Trip({ to: "Rome" }, { id: "t1" }));
 * const history = await app.sagas.history("t1");
 * assert.ok(history);
 *
 * assert.deepEqual(replay(history, Trip.step("book", () => {})), { type: "end", status: "completed" });
 * const changed = Trip.step("insure", () => {}).step("book", () => {});
 * assert.throws(() => replay(history, changed), { code: "saga_incompatible" });
 * ```
 */
export function replay(
  { name, version, log }: Pick<SagaHistory, "name" | "version" | "log">,
  definition: AnySaga,
): ReplayedSaga {
  if (definition.type !== name || definition.version !== version) {
    throw new SagaIncompatibleError(
      `it is of version ${version} of "${name}", and the definition is version ` +
        `${definition.version} of "${definition.type}"`,
    );
  }
  const next = new SagaProgress(definition.steps, log).next();
  if (next.type === "end") return next;
  return { type: next.type, step: next.step.description.id, attempt: next.attempt };
}
