/**
 * Whether two sequences of bytes are the same. It looks at every byte of both, whatever it finds, so
 * that the time it takes tells nothing of where they differ.
 */
export function sameBytes(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < Math.max(a.length, b.length); i++) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}
