/** Ends a service by its own `Symbol.asyncDispose` or `Symbol.dispose`, if it has one. */
export async function disposeByItself(service: unknown): Promise<void> {
  if (typeof service !== "object" || service === null) return;
  const { [Symbol.asyncDispose]: disposeAsync, [Symbol.dispose]: dispose } = service as Partial<
    AsyncDisposable & Disposable
  >;
  if (disposeAsync !== undefined) await disposeAsync.call(service);
  else dispose?.call(service);
}
