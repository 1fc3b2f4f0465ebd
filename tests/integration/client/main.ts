// deno-lint-ignore-file no-console -- the answer is printed
/**
 * Tries the claims on a runtime that has a command line, whose last argument is the server's address.
 *
 * @module
 */

import process from "node:process";
import { clientClaims } from "./claims.ts";

console.log(`${await clientClaims(process.argv.at(-1) ?? "")} claims hold`);
