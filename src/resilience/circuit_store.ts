/** What a circuit is doing: letting calls through, keeping them away, or trying one. */
export type CircuitStatus = "closed" | "open" | "half_open";

/** The state of one circuit, as plain data that survives JSON. */
export type CircuitState =
  | {
    /** Calls go through. */
    readonly status: "closed";
    /** How many calls have failed in a row. */
    readonly failures: number;
  }
  | {
    /** Calls fail fast. */
    readonly status: "open";
    /** When a trial may begin, in milliseconds since the Unix epoch. */
    readonly untilMs: number;
  }
  | {
    /** One call at a time goes through as a trial. */
    readonly status: "half_open";
    /**
     * When the trial in flight is given up for lost, in milliseconds since the
     * Unix epoch; 0 if there is none.
     */
    readonly untilMs: number;
  };

/** A {@linkcode CircuitState} with the version under which a store holds it. */
export interface StoredCircuit {
  /** The number of times that the circuit was saved. */
  readonly version: number;
  /** The state that was saved last. */
  readonly state: CircuitState;
}

/**
 * Where circuit breakers keep their state. Breakers of one name on one store
 * are one circuit, also across processes, whose clocks should then agree.
 *
 * An implementation may answer with or without a promise. It must keep names
 * apart, and must make {@linkcode CircuitStateStore.save} atomic: of several
 * callers with the same expected version exactly one succeeds. State need not
 * survive a restart: a circuit that is not found is closed.
 */
export interface CircuitStateStore {
  /** Returns the state that was saved last, or `undefined` if there is none. */
  load(name: string): Promise<StoredCircuit | undefined> | StoredCircuit | undefined;
  /**
   * Saves `state` as version `expectedVersion + 1` if the stored version is
   * `expectedVersion`, where 0 stands for a circuit that is not stored.
   *
   * @returns Whether it was saved. A conflict is `false`, never an error.
   */
  save(
    name: string,
    expectedVersion: number,
    state: CircuitState,
  ): Promise<boolean> | boolean;
}

/** Creates a store that shares circuits within this process. */
export function memoryCircuitStore(): CircuitStateStore {
  const circuits = new Map<string, StoredCircuit>();
  return {
    load: (name) => circuits.get(name),
    save(name, expectedVersion, state) {
      const version = circuits.get(name)?.version ?? 0;
      if (version !== expectedVersion) return false;
      circuits.set(name, { version: version + 1, state });
      return true;
    },
  };
}
