// deno-lint-ignore-file no-console -- the answer is printed
/**
 * Runs the scenario as a test of workerd, the runtime of Cloudflare Workers.
 *
 * @module
 */

import { scenario } from "./scenario.ts";

export default {
  async test(): Promise<void> {
    console.log(`${await scenario()} claims hold`);
  },
};
