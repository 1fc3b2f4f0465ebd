/**
 * The limits of Deno KV. Those of Deno 2.9 stand in its source, `ext/kv/config.rs`, and were tried
 * out; those of `denokv`, which serves KV Connect, stand in its `proto/limits.rs`, and are the same
 * unless said otherwise.
 *
 * @module
 */

/** How many bytes a value may have. */
export const MAX_VALUE_BYTES = 65_536;

/** How many bytes a key may have, as it is encoded. */
export const MAX_KEY_BYTES = 2_048;

/** How many checks an atomic operation may have. `denokv` takes 10. */
export const MAX_CHECKS = 100;

/** How many checks an atomic operation of our own has at the most, so that it works with `denokv` too. */
export const MAX_OWN_CHECKS = 10;

/** How many mutations an atomic operation may have. */
export const MAX_MUTATIONS = 1_000;

/**
 * How many bytes an atomic operation may have: the keys of checks, the keys of mutations, and the
 * values, with which their keys count once more.
 */
export const MAX_TOTAL_BYTES = 819_200;

/**
 * How many bytes the keys of an atomic operation may have in all. Deno 2.9 counts those that are set;
 * its source of 2026 counts those that are deleted too, and so do we. `denokv` has no such limit.
 */
export const MAX_TOTAL_KEY_BYTES = 81_920;

/** How many keys `getMany` reads. */
export const MAX_GET_MANY = 10;

/**
 * How many entries we list at a time. Deno lists up to 1,000, `npm:@deno/kv` 500; up to so many are
 * read at one point in time.
 */
export const LIST_PAGE = 500;

/** How many bytes of a body go under one key, when it does not fit beside its attributes. */
export const CHUNK_BYTES = MAX_VALUE_BYTES;

/**
 * How many bytes a stored message may have under its own key. The rest of a value is for what a dead
 * letter keeps beside it.
 */
export const MAX_ROW_BYTES = MAX_VALUE_BYTES - 8_192;
