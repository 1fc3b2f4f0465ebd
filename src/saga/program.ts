import type { Middleware, SagaHost, StepRun } from "../mediator/mod.ts";
import type { AnySaga } from "./definition.ts";
import type { StepDescription, StepPart } from "./description.ts";
import type { PartName } from "./progress.ts";

/** One version of a saga, ready to be run. */
export class SagaProgram {
  readonly name: string;
  readonly version: number;
  readonly steps: readonly StepDescription[];
  readonly #runs: Map<
    StepPart,
    { readonly act: StepRun; readonly compensate: StepRun | undefined }
  > = new Map();

  /** @throws {TypeError} If a middleware refuses a step. */
  constructor(definition: AnySaga, middlewares: readonly Middleware[], host: SagaHost) {
    const { type: name, version, steps } = definition;
    this.name = name;
    this.version = version;
    this.steps = steps;
    for (const step of steps) {
      if (step.kind !== "act") continue;
      for (const part of [step.primary, step.secondary]) {
        if (part === undefined) continue;
        const { act, compensate, timeoutMs } = part;
        const options = { middlewares, timeoutMs };
        const type = typeOf(name, step.id);
        this.#runs.set(part, {
          act: host.compile(type, act, options),
          compensate: compensate && host.compile(type, compensate, options),
        });
      }
    }
  }

  /** What runs a side of a step; `undefined` if there is none. */
  run(part: StepPart | undefined, side: "act" | "compensate"): StepRun | undefined {
    return part && this.#runs.get(part)?.[side];
  }
}

/** The type of the messages that middlewares see of a step. */
export function typeOf(name: string, step: string): string {
  return `${name}/${step}`;
}

/** What is the same for each attempt at a step of a saga. */
export function idempotencyKeyOf(sagaId: string, step: string, part: PartName): string {
  return part === "primary" ? `${sagaId}/${step}` : `${sagaId}/${step}/secondary`;
}

/**
 * Checks that the versions of a saga belong together.
 *
 * @throws {TypeError} If they do not.
 */
export function checkVersions(versions: readonly AnySaga[]): void {
  const [first] = versions;
  const seen = new Set<number>();
  for (const { type, version } of versions) {
    if (type !== first?.type) {
      throw new TypeError(`Cannot bind saga "${type}" as an earlier version of "${first?.type}"`);
    }
    if (seen.has(version)) {
      throw new TypeError(`Cannot bind version ${version} of saga "${type}" twice`);
    }
    seen.add(version);
  }
}
