/**
 * Middlewares wrap handlers, and the first one used is the outermost. Here they measure, log, try
 * again, limit the time, and add to the context what handlers need.
 *
 * Run it: deno run examples/middlewares.ts
 */

// deno-lint-ignore-file no-console

import {
  bootstrap,
  command,
  handlers,
  type Logger,
  logging,
  type Middleware,
  query,
  retry,
  streamRequest,
  timeout,
  type,
} from "@sluice/cqrs";
import { ManualClock } from "@sluice/cqrs/testing";

const Translate = query("text.translate", type<{ text: string }>()).returns<string>();
const Summarize = query("text.summarize", type<{ text: string }>()).returns<string>();
const ReadLetters = streamRequest("text.letters", type<{ text: string }>()).yields<string>();
const Publish = command("text.publish", type<{ text: string }>()).returns<string>();

class UnavailableError extends Error {
  override readonly name = "UnavailableError";
}

// It stands still until it is moved, so that this program need not wait. The default of the
// middlewares is the clock of the system.
const clock = new ManualClock();

/** Measures what it wraps: a request with all attempts, a stream from its first item to its end. */
const timing: Middleware = async ({ message }, next) => {
  const startedMs = clock.now();
  try {
    return await next();
  } finally {
    console.log(`  timing: ${message.type} took ${clock.now() - startedMs} ms`);
  }
};

const logger: Logger = {
  debug: (_text, { type }) => console.log(`  log: handled ${type}`),
  info() {},
  warning() {},
  error: (_text, { type, error }) => console.log(`  log: ${type} failed with ${error}`),
};

/** Adds the user to the context of the handlers that it wraps, which know it by their types. */
const signedIn: Middleware<{ user: string }> = ({ metadata }, next) => {
  const user = metadata.headers["x-user"];
  if (user === undefined) throw new Error("Nobody is signed in");
  return next({ user });
};

/** Lets nobody in who is not on the list. It compiles only behind what adds the user. */
function only(...users: readonly string[]): Middleware<object, { user: string }> {
  return ({ user }, next) => {
    if (!users.includes(user)) throw new Error(`${user} may not do this`);
    return next();
  };
}

let hiccups = 2;

const registry = handlers()
  .use(timing)
  .use(logging(logger))
  .use(retry({
    maxAttempts: 3,
    backoff: { initialDelayMs: 100, jitter: "none" },
    when: (error) => error instanceof UnavailableError,
    clock,
  }))
  .use(timeout(1_000, { clock }))
  .on(Translate, async ({ text }) => {
    await clock.advance(20); // stands for the time that a service takes
    if (hiccups-- > 0) throw new UnavailableError("The translator is busy");
    return text.toUpperCase();
  })
  .on(Summarize, async ({ text }, { signal }) => {
    await clock.advance(1_000);
    signal.throwIfAborted();
    return text.slice(0, 3);
  })
  .on(ReadLetters, async function* ({ text }) {
    for (const letter of text) {
      await clock.advance(5);
      yield letter;
    }
  })
  .use(signedIn)
  .use(only("Ada"))
  .on(Publish, ({ text }, { user }) => `"${text}", by ${user}`);

const app = bootstrap(registry, {
  observer: (event) => {
    if (event.type !== "retrying") return;
    console.log(`  attempt ${event.attempt} failed, the next follows in ${event.delayMs} ms`);
    clock.advance(event.delayMs);
  },
});

console.log(await app.send(Translate({ text: "hello" })));
console.log(await app.send(Summarize({ text: "hello" })).catch(String));

const letters: string[] = [];
for await (const letter of app.stream(ReadLetters({ text: "hello" }))) letters.push(letter);
console.log(letters.join(" "));

for (const headers of [{ "x-user": "Ada" }, { "x-user": "Bob" }, {}]) {
  console.log(await app.send(Publish({ text: "hello" }, { headers })).catch(String));
}
