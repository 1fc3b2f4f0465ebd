/**
 * Finds Chromium, and installs it where that can be done without asking: as root of a Debian.
 *
 * @module
 */

import { installPackages } from "./apt.ts";

const PROGRAMS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
];

/** Resolves to the path of the program, or to `undefined` if there is none and none can be had. */
export async function findChromium(): Promise<string | undefined> {
  const found = await firstOf(PROGRAMS);
  if (found !== undefined || !await installPackages("chromium")) return found;
  return await firstOf(PROGRAMS);
}

async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    if (await Deno.stat(path).then(() => true, () => false)) return path;
  }
  return undefined;
}
