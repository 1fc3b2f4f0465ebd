// deno-lint-ignore-file no-console -- the answer is printed
/**
 * Tries the claims as a test of workerd, the runtime of Cloudflare Workers. The server's address is a
 * binding.
 *
 * @module
 */

import { clientClaims } from "./claims.ts";

export default {
  async test(_controller: unknown, { url }: { readonly url: string }): Promise<void> {
    console.log(`${await clientClaims(url)} claims hold`);
  },
};
