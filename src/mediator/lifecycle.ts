import { AppClosedError } from "./app.ts";
import { runAll } from "./run_all.ts";

type Hook = () => unknown;

/** Sees to it that start-up comes before every call, and shutdown after the last. */
export class Lifecycle {
  readonly #startup: Hook[];
  readonly #shutdown: readonly Hook[];
  #starting: Promise<void> | undefined;
  #isStarted: boolean;
  #inFlight = 0;
  #idle: PromiseWithResolvers<void> | undefined;
  #closing: Promise<void> | undefined;
  #signal: AbortController | undefined;

  constructor(onStartup: readonly Hook[], onShutdown: readonly Hook[]) {
    this.#startup = [...onStartup];
    this.#shutdown = onShutdown;
    this.#isStarted = onStartup.length === 0;
  }

  /** Whether new calls are refused. */
  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  /** Aborts when new calls begin to be refused. */
  get closing(): AbortSignal {
    return (this.#signal ??= new AbortController()).signal;
  }

  /**
   * Lets a call in, which must {@linkcode Lifecycle.leave} at its end. Calls
   * from within a call always come in, so that what is in flight can finish.
   *
   * @returns What the call has to wait for, if anything.
   */
  enter(isNested: boolean): Promise<void> | undefined {
    if (this.#closing !== undefined && !isNested) throw new AppClosedError();
    this.#inFlight++;
    return this.#isStarted ? undefined : this.start();
  }

  leave(): void {
    this.#inFlight--;
    if (this.#inFlight === 0) this.#idle?.resolve();
  }

  start(): Promise<void> {
    if (this.#closing !== undefined && !this.#isStarted) {
      return Promise.reject(new AppClosedError());
    }
    if (this.#starting === undefined) {
      // A turn later, so that a function which calls the application finds it starting.
      this.#starting = Promise.resolve().then(() => this.#start());
      this.#starting.catch(() => {
        this.#starting = undefined;
      });
    }
    return this.#starting;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    this.#signal?.abort(new AppClosedError());
    return this.#closing;
  }

  async #start(): Promise<void> {
    for (let hook = this.#startup[0]; hook !== undefined; hook = this.#startup[0]) {
      await hook();
      this.#startup.shift();
    }
    this.#isStarted = true;
  }

  async #close(): Promise<void> {
    await this.#starting?.catch(() => {}); // whoever started has been told
    if (this.#inFlight > 0) {
      this.#idle = Promise.withResolvers();
      await this.#idle.promise;
    }
    await runAll(this.#shutdown.toReversed(), "Cannot shut down");
  }
}
