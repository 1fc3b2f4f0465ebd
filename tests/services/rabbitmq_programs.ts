/**
 * Finds the programs of RabbitMQ, and installs them where that can be done without asking: as root of a
 * Debian.
 *
 * @module
 */

import { installPackages } from "./apt.ts";

/** Debian's own folder: the programs of the same names on the path run as the service's user only. */
const FOLDER = "/usr/lib/rabbitmq/bin";

/** What keeps a package from starting its service when it is installed: whoever asks is told "no". */
const POLICY = "/usr/sbin/policy-rc.d";

/** Resolves to the folder of the programs, or to `undefined` if there are none and none can be had. */
export async function findRabbitmq(): Promise<string | undefined> {
  if (await isThere(FOLDER)) return FOLDER;
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return undefined;
  const isOurs = !await isThere(POLICY);
  if (isOurs) await Deno.writeTextFile(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    await installPackages("rabbitmq-server");
  } finally {
    if (isOurs) await Deno.remove(POLICY);
  }
  return await isThere(FOLDER) ? FOLDER : undefined;
}

function isThere(path: string): Promise<boolean> {
  return Deno.stat(path).then(() => true, () => false);
}
