/**
 * Places say in which order rows are read. What a place begins with is the version of the database
 * that its writer saw just before the commit: the versionstamp of a key which every commit with rows
 * writes. So if a row is written by somebody who could see another one, its place is behind the other
 * one's, whatever the clocks of the writers say, and no two writers ever get into each other's way.
 *
 * Rows of writers that saw the same version stand in any order. What is committed late may stand
 * before what was read already, but not in its lane, unless both were written at the same time.
 *
 * @module
 */

/** The version that a writer sees who is the first. */
export const FIRST_VERSION = "0".repeat(20);

/** How many characters the number of a row in its commit has. */
const NUMBER_LENGTH = 3;

/** What tells the rows of one commit from those of all others. */
export function commitToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(9));
  return btoa(String.fromCharCode(...bytes));
}

/** The place of the n-th row of a commit. */
export function placeOf(version: string, token: string, n: number): string {
  return version + token + numberText(n);
}

/** The number of a row in its commit. */
export function numberIn(place: string): number {
  return Number.parseInt(place.slice(-NUMBER_LENGTH), 36);
}

/** The place of the n-th row of the same commit. */
export function placeBeside(place: string, n: number): string {
  return place.slice(0, -NUMBER_LENGTH) + numberText(n);
}

function numberText(n: number): string {
  return n.toString(36).padStart(NUMBER_LENGTH, "0");
}
