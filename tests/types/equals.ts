/** `true` when two types are the same, not only assignable to each other. */
export type Equals<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2)
  ? true
  : false;

/** Compiles only if `T` is `true`. */
export function expectType<T extends true>(): void {
  void (undefined as T | undefined);
}

/** Holds calls that are to be compiled and never made. */
export function compiled(_calls: () => unknown): void {}
