/** Counts the listeners that code under test leaves on `signal`. */
export function countingSignal(
  signal: AbortSignal,
): { readonly signal: AbortSignal; readonly listeners: () => number } {
  const current = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    current.add(args[1]);
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    current.delete(args[1]);
    remove(...args);
  };
  return { signal, listeners: () => current.size };
}
