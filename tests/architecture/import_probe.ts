// deno-lint-ignore-file no-console -- the answer is printed
/**
 * Imports the root entry point and prints, as a JSON array, what this changed
 * or called: properties of globals and of their prototypes, timers, tasks,
 * requests and lines of output. Nothing may keep the process alive afterwards.
 *
 * @module
 */

const calls: string[] = [];

/** Notes calls of a function instead of making them. */
function watch(owner: object, name: string): void {
  const value = () => {
    calls.push(name);
  };
  Object.defineProperty(owner, name, { value, configurable: true, writable: true });
}

/** Every property of every global, with what it holds. */
function readGlobals(): Map<string, unknown> {
  const owners = new Map<string, object>([["globalThis", globalThis]]);
  for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(globalThis))) {
    if (typeof value !== "object" && typeof value !== "function" || value === null) continue;
    owners.set(name, value);
    if (value.prototype) owners.set(`${name}.prototype`, value.prototype);
  }
  const properties = new Map<string, unknown>();
  for (const [name, owner] of owners) {
    for (const key of Reflect.ownKeys(owner)) {
      const property = Object.getOwnPropertyDescriptor(owner, key);
      properties.set(`${name}.${String(key)}`, property?.get ?? property?.value);
    }
  }
  return properties;
}

/** Prints what importing the root entry point does. */
async function main(): Promise<void> {
  const print = console.log;
  for (const name of Object.keys(console)) watch(console, name);
  for (const name of ["addEventListener", "fetch", "queueMicrotask", "setInterval", "setTimeout"]) {
    watch(globalThis, name);
  }
  const before = readGlobals();
  await import("../../mod.ts");
  const after = readGlobals();
  const changed = [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) =>
      !Object.is(before.get(name), after.get(name)) || before.has(name) !== after.has(name)
    );
  print(JSON.stringify([...calls, ...changed]));
}

if (import.meta.main) await main();
