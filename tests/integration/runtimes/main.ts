// deno-lint-ignore-file no-console -- the answer is printed
/**
 * Runs the scenario on a runtime that has a command line.
 *
 * @module
 */

import { scenario } from "./scenario.ts";

console.log(`${await scenario()} claims hold`);
