/**
 * Finds Chromium, and installs it where that can be done without asking: as root of a Debian.
 *
 * @module
 */

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
  if (found !== undefined || !isRoot()) return found;
  if (!await install()) {
    await aptGet("update");
    await install();
  }
  return await firstOf(PROGRAMS);
}

async function firstOf(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    if (await Deno.stat(path).then(() => true, () => false)) return path;
  }
  return undefined;
}

function isRoot(): boolean {
  return Deno.build.os === "linux" && Deno.uid() === 0;
}

function install(): Promise<boolean> {
  return aptGet("install", "-y", "--no-install-recommends", "chromium");
}

/** Resolves to whether it succeeded; there is no such program on other systems than Debian's kin. */
async function aptGet(...args: readonly string[]): Promise<boolean> {
  const command = new Deno.Command("apt-get", {
    args: [...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  });
  return await command.output().then(({ success }) => success, () => false);
}
