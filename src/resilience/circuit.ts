import type { Clock } from "../clock.ts";
import { SluiceError } from "../errors.ts";
import type {
  CircuitState,
  CircuitStateStore,
  CircuitStatus,
  StoredCircuit,
} from "./circuit_store.ts";

/** A call was refused because its circuit is open, or half-open with a trial in flight. */
export class CircuitOpenError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "CircuitOpenError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "circuit_open";
  /** The name of the circuit. */
  readonly circuit: string;
  /** When a call may be let through again, in milliseconds from now. */
  readonly retryAfterMs: number;

  /** Creates the error for the circuit of this name. */
  constructor(circuit: string, retryAfterMs: number, options?: ErrorOptions) {
    super(
      `Cannot call through circuit "${circuit}": open, retry in ${retryAfterMs} ms`,
      options,
    );
    this.circuit = circuit;
    this.retryAfterMs = retryAfterMs;
  }
}

/** A circuit went from one status to another. */
export interface CircuitStateChange {
  /** The name of the circuit. */
  readonly circuit: string;
  /** The status before. */
  readonly from: CircuitStatus;
  /** The status now. */
  readonly to: CircuitStatus;
}

/**
 * The right to make one call. It must be settled with one of its methods; the
 * first one counts, later ones do nothing. What they return is to be awaited.
 */
export interface CircuitPermit {
  /** Tells that the dependency works. */
  success(): Promise<void> | void;
  /** Tells that the call threw `error`; the breaker's `isFailure` decides what that means. */
  failure(error: unknown): Promise<void> | void;
  /** Tells nothing about the dependency; a trial is given back for the next caller. */
  release(): Promise<void> | void;
}

/** What a {@linkcode Circuit} is made of: the validated options of its breaker. */
export interface CircuitSettings {
  /** The identity of the circuit in its store. */
  readonly name: string;
  /** How many failures in a row open the circuit. */
  readonly failureThreshold: number;
  /** How long the circuit stays open, and a trial may take, in milliseconds. */
  readonly resetTimeoutMs: number;
  /** Whether an error speaks against the dependency. */
  readonly isFailure: (error: unknown) => boolean;
  /** Where the state is kept. */
  readonly store: CircuitStateStore;
  /** The clock that measures `resetTimeoutMs`. */
  readonly clock: Clock;
  /** Called once for each change that was made here. */
  readonly onStateChange: ((change: CircuitStateChange) => void) | undefined;
  /** Called with what the store throws. */
  readonly onStoreError: ((error: unknown) => void) | undefined;
}

type Outcome = "success" | "failure" | "release";

/** What a circuit is that the store does not hold. */
const NEVER_SAVED: StoredCircuit = { version: 0, state: { status: "closed", failures: 0 } };

/** For the calls that are let through while the store fails. */
const UNCOUNTED: CircuitPermit = { success() {}, failure() {}, release() {} };

/** The state machine behind a circuit breaker; all of its state is in the store. */
export class Circuit {
  readonly #settings: CircuitSettings;

  /** Creates the machine; reads nothing yet. */
  constructor(settings: CircuitSettings) {
    this.#settings = settings;
  }

  /** Asks to make one call. Refuses with a rejection, never synchronously. */
  acquire(): Promise<CircuitPermit> | CircuitPermit {
    const found = this.#load();
    return isPromise(found) ? found.then((stored) => this.#admit(stored)) : this.#admit(found);
  }

  #admit(stored: StoredCircuit | undefined): Promise<CircuitPermit> | CircuitPermit {
    if (stored === undefined) return UNCOUNTED;
    const { version, state } = stored;
    if (state.status !== "closed") return this.#startTrial(version, state.status, state.untilMs);
    return this.#permit((outcome) => {
      const tellsNews = outcome === "failure" || outcome === "success" && state.failures > 0;
      return tellsNews ? this.#count(stored, outcome === "failure") : undefined;
    });
  }

  async #startTrial(
    version: number,
    status: CircuitStatus,
    untilMs: number,
  ): Promise<CircuitPermit> {
    const { name, clock, resetTimeoutMs } = this.#settings;
    const nowMs = clock.now();
    if (nowMs < untilMs) throw new CircuitOpenError(name, untilMs - nowMs);
    const saved = await this.#save(version, {
      status: "half_open",
      untilMs: nowMs + resetTimeoutMs,
    });
    if (saved === undefined) return UNCOUNTED;
    if (!saved) return this.acquire();
    this.#changed(status, "half_open");
    return this.#permit((outcome) => this.#settleTrial(version + 1, outcome));
  }

  async #settleTrial(version: number, outcome: Outcome): Promise<void> {
    const state = this.#afterTrial(outcome);
    // A conflict means that the lease ran out and another trial has begun, which decides.
    if (await this.#save(version, state)) this.#changed("half_open", state.status);
  }

  #afterTrial(outcome: Outcome): CircuitState {
    if (outcome === "success") return { status: "closed", failures: 0 };
    if (outcome === "failure") return this.#opened();
    return { status: "half_open", untilMs: 0 };
  }

  /** Counts a failure, or starts the count anew, unless the circuit has left its closed state. */
  async #count(stored: StoredCircuit, failed: boolean): Promise<void> {
    let current: StoredCircuit | undefined = stored;
    while (current?.state.status === "closed") {
      const failures: number = failed ? current.state.failures + 1 : 0;
      if (failures === current.state.failures) return;
      const opens = failures >= this.#settings.failureThreshold;
      const state: CircuitState = opens ? this.#opened() : { status: "closed", failures };
      const saved = await this.#save(current.version, state);
      if (saved) this.#changed("closed", state.status);
      if (saved !== false) return;
      current = await this.#load();
    }
  }

  #opened(): CircuitState {
    const { clock, resetTimeoutMs } = this.#settings;
    return { status: "open", untilMs: clock.now() + resetTimeoutMs };
  }

  #changed(from: CircuitStatus, to: CircuitStatus): void {
    const { name, onStateChange } = this.#settings;
    if (from !== to) onStateChange?.({ circuit: name, from, to });
  }

  #permit(settle: (outcome: Outcome) => Promise<void> | void): CircuitPermit {
    let settled = false;
    const settleOnce = (outcome: Outcome) => {
      if (settled) return;
      settled = true;
      return settle(outcome);
    };
    return {
      success: () => settleOnce("success"),
      failure: (error) => settleOnce(this.#settings.isFailure(error) ? "failure" : "success"),
      release: () => settleOnce("release"),
    };
  }

  /** Returns `undefined` if the store failed. */
  #load(): Promise<StoredCircuit | undefined> | StoredCircuit | undefined {
    const { store, name } = this.#settings;
    try {
      const found = store.load(name);
      if (!isPromise(found)) return found ?? NEVER_SAVED;
      return found.then((stored) => stored ?? NEVER_SAVED, (error) => this.#storeFailed(error));
    } catch (error) {
      return this.#storeFailed(error);
    }
  }

  /** Resolves to `undefined` if the store failed. */
  async #save(expectedVersion: number, state: CircuitState): Promise<boolean | undefined> {
    const { store, name } = this.#settings;
    try {
      return await store.save(name, expectedVersion, state);
    } catch (error) {
      return this.#storeFailed(error);
    }
  }

  #storeFailed(error: unknown): undefined {
    this.#settings.onStoreError?.(error);
  }
}

/** Tells a promise from a value, so that values need not be awaited. */
export function isPromise<T>(value: Promise<T> | T): value is Promise<T> {
  return typeof value === "object" && value !== null && "then" in value;
}
