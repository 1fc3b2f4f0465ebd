import {
  bootstrap,
  type BootstrapOptions,
  handlers,
  type ObserverEvent,
  type,
} from "../../../mod.ts";
import { saga, type StepContext } from "../../../src/saga/mod.ts";
import { memoryStorage } from "../../../src/storage/memory/mod.ts";
import { ManualClock } from "../../../src/testing/mod.ts";

/** Lets time pass until something settles, as far as it takes. */
export async function inTime<T>(clock: ManualClock, work: Promise<T>, stepMs = 50): Promise<T> {
  let isSettled = false;
  const settled = work.finally(() => isSettled = true);
  settled.catch(() => {}); // whoever waits for the result sees it
  for (let n = 0; !isSettled; n++) {
    if (n > 10_000) throw new Error("It does not settle");
    await clock.advance(stepMs);
  }
  return await settled;
}

/** What a step does: something, or throws. */
export type Script = (context: StepContext) => unknown;

/** Sides of steps that write down what they do, as "act a" and "undo a", and do what a test tells them. */
export function diary(scripts: Record<string, Script> = {}) {
  const lines: string[] = [];
  const side = (line: string) => async (_data: object, context: StepContext): Promise<void> => {
    lines.push(line);
    await scripts[line]?.(context);
  };
  return {
    lines,
    act: (id: string) => side(`act ${id}`),
    undo: (id: string) => side(`undo ${id}`),
  };
}

/** A storage, its clock, and what the observer of its applications is told. */
export function workshop() {
  const clock = new ManualClock(1_000_000);
  const storage = memoryStorage({ clock });
  const events: ObserverEvent[] = [];
  const observer = (event: ObserverEvent) => void events.push(event);
  const options: BootstrapOptions = { storage, clock, observer };
  return { clock, storage, events, options };
}

/** Steps a, b and c in an application of their own, with what tests tell them to do. */
export function trio(scripts: Record<string, Script> = {}) {
  const shop = workshop();
  const { lines, act, undo } = diary(scripts);
  const definition = saga("trio", { version: 1, context: type<{ n: number }>() })
    .step("a", { act: act("a"), compensate: undo("a") })
    .step("b", { act: act("b"), compensate: undo("b") })
    .step("c", { act: act("c"), compensate: undo("c") });
  const open = (options: BootstrapOptions = {}) =>
    bootstrap(handlers().saga(definition), { ...shop.options, ...options });
  return { ...shop, lines, definition, open, app: open() };
}

/** Throws an error. */
export function fail(error: unknown): () => never {
  return () => {
    throw error;
  };
}

/** The log of a saga, as "1 act a started". */
export async function logOf(
  app: { readonly sagas: { history(id: string): Promise<unknown> } },
  id: string,
): Promise<string[]> {
  const history = await app.sagas.history(id) as {
    log: { action: string; step?: string; part?: string; status: string }[];
  };
  return history.log.map(({ action, step, part, status }) =>
    [action, step, part, status].filter((word) => word !== undefined).join(" ")
  );
}
