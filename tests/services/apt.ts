/**
 * Installs what tests need, where that can be done without asking: as root of a Debian.
 *
 * @module
 */

/** Installs packages. Resolves to whether it succeeded: not without root, nor on other systems than Debian's kin. */
export async function installPackages(...names: readonly string[]): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  if (await install(names)) return true;
  await aptGet("update");
  return await install(names);
}

function install(names: readonly string[]): Promise<boolean> {
  return aptGet("install", "-y", "--no-install-recommends", ...names);
}

/** Resolves to whether it succeeded. */
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
