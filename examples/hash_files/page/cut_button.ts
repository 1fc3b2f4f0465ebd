/// <reference lib="dom" />

/**
 * Makes a `fetch` whose connections break off at the click of a button, as those of a network do
 * that is cut. What reads from them is not asked.
 */
export function cuttable(button: HTMLButtonElement): typeof fetch {
  let network = new AbortController();
  button.addEventListener("click", () => {
    network.abort(new Error("The network was cut"));
    network = new AbortController();
  });
  return (input, init) => {
    const signals = [network.signal, init?.signal ?? []].flat();
    return fetch(input, { ...init, signal: AbortSignal.any(signals) });
  };
}
