import { LeaseLostError } from "../mod.ts";
import type { DenoKvAtomic } from "./deno_kv.ts";
import { type FoundLease, type Hold, leaseValue, readHold } from "./hold.ts";
import { blockedLanes } from "./lane_record.ts";
import type { Pair } from "./keys.ts";
import { LIST_PAGE, MAX_OWN_CHECKS } from "./limits.ts";
import { PairReader } from "./pair_reader.ts";
import type { RelayWatch } from "./relay_watch.ts";
import type { SessionState } from "./session_state.ts";
import { shareOf } from "./shares.ts";
import { lookAround, type Survey } from "./survey.ts";

/** Takes for a session what is its share, and lets go of what is not. */
export class SessionHoldings {
  readonly #state: SessionState;
  readonly #watch: RelayWatch;
  readonly #topics: readonly string[] | null;
  /** The other relays that were there last. */
  #others = "";
  #reads = 0;
  /** How much it may find at once: where there was more, most of it would be found in vain. */
  #pageSize = FIRST_PAGE;
  /** Whether there is something to read that others hold. */
  isHungry = false;

  constructor(state: SessionState, watch: RelayWatch, topics: readonly string[] | null) {
    this.#state = state;
    this.#watch = watch;
    this.#topics = topics;
  }

  /**
   * Whether what it holds can be read on, as nothing has changed among the relays, and it was not too
   * long ago that it looked around.
   */
  async canGoOn(): Promise<boolean> {
    const { held } = this.#state;
    const pairs = [...held.values()];
    const mayHaveMore = pairs.some(({ reader, isLeft }) =>
      !isLeft && reader?.isExhausted === false
    );
    if (!mayHaveMore || ++this.#reads % READS_PER_LOOK === 0) return false;
    if (pairs.some(({ isLeft, inFlight }) => isLeft && inFlight.size === 0)) return false;
    const before = this.#others;
    await this.#hold();
    return this.#others === before;
  }

  /** Looks around, and takes and lets go of partitions. */
  async share(): Promise<void> {
    const survey = await this.#look();
    if (survey.active.size === 0 && this.#state.held.size === 0) {
      this.isHungry = false;
      return;
    }
    const hasTaken = await this.#change(survey);
    // What was found may have been published since, by whoever held it.
    await this.#read(hasTaken && survey.findings !== undefined ? await this.#look() : survey);
  }

  async #look(): Promise<Survey> {
    const { database, held } = this.#state;
    const known = new Map<string, Pair>();
    for (const { name, pair, reader } of held.values()) {
      if (reader?.isExhausted === false) known.set(name, pair);
    }
    const survey = await lookAround(database, this.#topics, known, this.#pageSize);
    this.#pageSize = survey.findings === undefined ? FIRST_PAGE : LIST_PAGE;
    return survey;
  }

  /** Takes and lets go; whether it has taken anything. */
  async #change({ active }: Survey): Promise<boolean> {
    const { held } = this.#state;
    let hasTaken = false;
    for (let tries = 1;; tries++) {
      const hold = await this.#hold();
      const { fence } = this.#state;
      const holdings = [...held.values()];
      const { taken, left } = shareOf({
        self: fence.id,
        hold,
        active,
        held: holdings.map(({ pair, inFlight }) => ({ pair, isBusy: inFlight.size > 0 })),
        topics: this.#topics,
      });
      for (const holding of holdings) holding.isLeft = left.has(holding.name);
      const freed = holdings.filter(({ isLeft, inFlight }) => isLeft && inFlight.size === 0);
      const isDone = await this.#claim(hold, taken, freed.map(({ pair }) => pair));
      hasTaken ||= taken.some(({ name }) => held.has(name)); // a part may be done
      if (isDone || tries === MAX_TRIES) {
        this.isHungry = [...active.keys()].some((name) => !held.has(name));
        return hasTaken;
      }
    }
  }

  /** Writes down what it takes and lets go; and that it is there, as it has something to wait for. */
  async #claim(hold: Hold, taken: readonly Pair[], freed: readonly Pair[]): Promise<boolean> {
    const { database, held, fence, turns } = this.#state;
    const changes = [...changesOf(hold, fence.id, taken, freed)];
    const size = MAX_OWN_CHECKS - 1;
    for (let n = 0; n === 0 || n < changes.length; n += size) {
      const part = changes.slice(n, n + size);
      const act = (operation: DenoKvAtomic) => {
        for (const { topic, versionstamp, holders } of part) {
          const key = database.keys.lease(topic);
          operation.check({ key, versionstamp }).set(key, leaseValue(holders));
        }
      };
      if (part.length === 0 && !fence.isDue) return true;
      if (!await turns.take(() => fence.commit(act))) return false;
      const topics = new Set(part.map(({ topic }) => topic));
      for (const pair of freed) if (topics.has(pair.topic)) held.delete(pair.name);
      await this.#take(taken.filter(({ topic }) => topics.has(topic)));
    }
    return true;
  }

  async #take(pairs: readonly Pair[]): Promise<void> {
    const { database, held } = this.#state;
    const lanes = await blockedLanes(database, pairs);
    for (const [n, pair] of pairs.entries()) {
      const { name } = pair;
      held.set(name, {
        name,
        pair,
        blocked: lanes[n] ?? new Map(),
        bundles: new Map(),
        inFlight: new Map(),
        reader: undefined,
        isLeft: false,
      });
    }
  }

  /** Lets what it holds be read on, or from the front. */
  async #read({ findings }: Survey): Promise<void> {
    const { held } = this.#state;
    await Promise.all([...held.values()].map(async (holding) => {
      const { name, blocked, reader } = holding;
      if (findings !== undefined) {
        const found = findings.get(name) ?? { tickets: [], entries: [] };
        holding.reader = PairReader.of(this.#state, holding, found);
      } else if (reader?.isExhausted === false) {
        if (blocked.size > 0) await reader.renewTickets();
      } else {
        holding.reader = new PairReader(this.#state, holding);
      }
    }));
  }

  /**
   * Reads who holds what, and ends relays that have died.
   *
   * @throws {LeaseLostError} If it has been taken over.
   */
  async #hold(): Promise<Hold> {
    const state = this.#state;
    const { database, fence } = state;
    const hold = await readHold(database);
    const relays = new Map(hold.relays);
    if (fence.isRegistered && !relays.has(fence.id) && fence === state.fence) {
      if (state.held.size > 0) throw new LeaseLostError();
      state.fence = state.newFence();
    }
    this.#watch.keepOnly(relays);
    const nowMs = database.clock.now();
    for (const relay of hold.relays.values()) {
      if (relay.id === fence.id || !this.#watch.isDead(relay, nowMs)) continue;
      const { id, versionstamp } = relay;
      const key = database.keys.relay(id);
      const operation = database.kv.atomic().check({ key, versionstamp }).delete(key);
      // If that fails, it has just given a sign of life, or somebody else was faster.
      if (await database.commit(operation) !== undefined) relays.delete(id);
    }
    state.version = hold.version;
    this.#others = [...relays.keys()].filter((id) => id !== fence.id).join();
    return { ...hold, relays };
  }
}

/** How much it tries to find at once where it does not know how much there is. */
const FIRST_PAGE = 100;

/** So often it reads before it looks around again, as there may be work of other partitions. */
const READS_PER_LOOK = 8;

/** So often it tries to take its share while others change theirs; then it waits for the next look. */
const MAX_TRIES = 5;

interface LeaseChange extends FoundLease {
  readonly topic: string;
}

/** The leases as they are to be. */
function* changesOf(
  { leases, relays }: Hold,
  self: string,
  taken: readonly Pair[],
  freed: readonly Pair[],
): Iterable<Omit<LeaseChange, "versionstamp"> & { readonly versionstamp: string | null }> {
  for (const topic of new Set([...taken, ...freed].map((pair) => pair.topic))) {
    const { holders: before = [], versionstamp = null } = leases.get(topic) ?? {};
    const holders = new Map(
      [...before].filter(([, holder]) => relays.has(holder) || holder === self),
    );
    for (const pair of freed) if (pair.topic === topic) holders.delete(pair.name);
    for (const pair of taken) if (pair.topic === topic) holders.set(pair.name, self);
    yield { topic, holders, versionstamp };
  }
}
