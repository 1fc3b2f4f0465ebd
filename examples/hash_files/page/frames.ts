/// <reference lib="dom" />

/** Work in portions, so that the page answers its user however fast items come. */

const BACKGROUND_MS = 1_000;
const PORTION_MS = 8;

/**
 * Makes a function that asks for `render` to be called with the next frame, once however often it
 * is asked. A page in the background has no frames; there it is called after a second.
 */
export function onNextFrame(render: () => void): () => void {
  let frame = 0;
  let timer: ReturnType<typeof setTimeout>;
  function run(): void {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    frame = 0;
    render();
  }
  return function ask(): void {
    if (frame !== 0) return;
    frame = requestAnimationFrame(run);
    timer = setTimeout(run, BACKGROUND_MS);
  };
}

/** Makes a function that a loop awaits: now and then it lets the browser draw and listen first. */
export function portions(): () => Promise<void> {
  let startMs = performance.now();
  return async function next(): Promise<void> {
    if (performance.now() - startMs < PORTION_MS) return;
    await turn();
    startMs = performance.now();
  };
}

/** Waits for the browser's next turn. A timer would wait longer in the background, up to a minute. */
function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      port2.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
