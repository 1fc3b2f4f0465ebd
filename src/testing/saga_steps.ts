import type {
  NewSaga,
  NewSagaLogEntry,
  SagaChange,
  SagaSnapshot,
  Storage,
} from "../storage/mod.ts";
import { ConformanceError } from "./conformance_case.ts";

/** So long that what a case does takes no part of it, however slow the database is. */
export const SAGA_LEASE_MS = 60_000;

/** The name of most sagas. */
export const SAGA_NAME = "order";

/** An entry of a log, which says that a step is begun unless it is told otherwise. */
export function entry(number: number, more: Partial<NewSagaLogEntry> = {}): NewSagaLogEntry {
  return { number, action: "act", step: "reserve", status: "started", attempt: 1, ...more };
}

/** A saga that is to be started. */
export function newSaga(id: string, more: Partial<NewSaga> = {}): NewSaga {
  return {
    id,
    name: SAGA_NAME,
    version: 1,
    status: "running",
    context: `{"item":"lamp"}`,
    metadata: `{"headers":{}}`,
    entries: [entry(1)],
    ...more,
  };
}

/** Starts sagas, each claimed by an owner of its own. */
export async function begin(
  { sagas }: Pick<Storage, "sagas">,
  ids: string,
  more: Partial<NewSaga> = {},
): Promise<void> {
  for (const id of ids.split(" ")) {
    await sagas.create(newSaga(id, more), { owner: `owner of ${id}`, leaseMs: SAGA_LEASE_MS });
  }
}

/** Starts sagas and writes to each once, with its first revision; nobody has them then unless the change says so. */
export async function beginAs(
  storage: Pick<Storage, "sagas">,
  ids: string,
  change: Partial<SagaChange> = {},
  more: Partial<NewSaga> = {},
): Promise<void> {
  for (const id of ids.split(" ")) {
    await begin(storage, id, more);
    await storage.sagas.checkpoint(id, 1, { leaseMs: 0, ...change });
  }
}

/** A saga that has to be there. */
export async function loaded(
  { sagas }: Pick<Storage, "sagas">,
  id: string,
): Promise<SagaSnapshot> {
  const found = await sagas.load(id);
  if (found === undefined) throw new ConformanceError(`load("${id}") gave nothing`);
  return found;
}

/** Claims what is due of the sagas that cases start; gives the ids. */
export async function claimedIds(
  { sagas }: Pick<Storage, "sagas">,
  more: Partial<Parameters<Storage["sagas"]["claimDue"]>[0]> = {},
): Promise<readonly string[]> {
  const snapshots = await sagas.claimDue({
    owner: "recovery",
    leaseMs: SAGA_LEASE_MS,
    names: [SAGA_NAME],
    limit: 100,
    ...more,
  });
  return snapshots.map(({ record }) => record.id);
}

/** Runs something that has to be refused as a number is out of its range. */
export async function expectRangeError(what: string, run: () => Promise<unknown>): Promise<void> {
  try {
    await run();
  } catch (error) {
    if (error instanceof RangeError) return;
    throw new ConformanceError(`${what} gave ${error}, must be a RangeError`, { cause: error });
  }
  throw new ConformanceError(`${what} was taken, must be a RangeError`);
}
