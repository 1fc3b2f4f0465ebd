/** Writes bytes as text in base 64. */
export function base64(bytes: Uint8Array): string {
  let binary = "";
  // So many at a time as a call can have arguments.
  for (let at = 0; at < bytes.length; at += 8_192) {
    // To spread them would take ten times as long.
    binary += Reflect.apply(String.fromCharCode, undefined, bytes.subarray(at, at + 8_192));
  }
  return btoa(binary);
}
