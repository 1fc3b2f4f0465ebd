/**
 * Packages of Python for tests, from whatever registry pip is set up for. They are installed once, into
 * the user's cache.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { homedir } from "node:os";
import { installPackages } from "./apt.ts";

/**
 * Installs packages, and resolves to the folder with all of them, for `PYTHONPATH`; or to `undefined` if
 * there is no Python with pip, or no registry, and nobody demands it by setting `CI`.
 *
 * @param name What the folder is called by.
 * @param requirements What pip is to install, such as `python-cqrs[kafka]==5.3.0`.
 */
export async function pythonPackages(
  name: string,
  requirements: readonly string[],
): Promise<string | undefined> {
  try {
    return await installed(name, requirements);
  } catch (error) {
    if (Deno.env.get("CI")) throw error;
    return undefined;
  }
}

async function installed(name: string, requirements: readonly string[]): Promise<string> {
  await python("-m", "pip", "--version").catch(() => installPackages("python3-pip"));
  const version = await python("-c", "import sys; print(sys.version_info[:2], sys.platform)");
  const hash = createHash("sha256").update(JSON.stringify([version, requirements])).digest("hex");
  const cache = `${Deno.env.get("XDG_CACHE_HOME") ?? `${homedir()}/.cache`}/sluice-tests`;
  const folder = `${cache}/${name}-${hash.slice(0, 12)}`;
  if (await Deno.stat(folder).then(() => true, () => false)) return folder;
  await Deno.mkdir(cache, { recursive: true });
  const draft = await Deno.makeTempDir({ dir: cache, prefix: "draft-" });
  try {
    const options = ["--quiet", "--disable-pip-version-check"];
    const target = ["--target", `${draft}/packages`];
    await python("-m", "pip", "install", ...options, ...target, ...requirements);
    // Another process may have been faster: then this one's work is dropped.
    await Deno.rename(`${draft}/packages`, folder).catch(() => {});
  } finally {
    await Deno.remove(draft, { recursive: true });
  }
  return folder;
}

async function python(...args: readonly string[]): Promise<string> {
  const command = new Deno.Command("python3", {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`python3 ${args.join(" ")} failed: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
