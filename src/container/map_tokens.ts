import { describeToken, type Token } from "../mediator/mod.ts";

/**
 * Maps tokens to what another container knows their services by.
 *
 * @throws {TypeError} If a token is mapped twice.
 */
export function mapTokens<K>(
  pairs: Iterable<readonly [token: Token<unknown>, key: K]>,
): ReadonlyMap<Token<unknown>, K> {
  const keys = new Map<Token<unknown>, K>();
  for (const [token, key] of pairs) {
    if (keys.has(token)) throw new TypeError(`Cannot map "${describeToken(token)}" twice`);
    keys.set(token, key);
  }
  return keys;
}
