/** Finds and hashes files. Nothing in here knows of the library. */

import { createHash } from "node:crypto";
import { join, posix } from "node:path";
import type { HashedFile, HashItem, Progress, Total, Unreadable } from "./messages.ts";

const READ_BYTES = 256 * 1024;
const PROGRESS_BYTES = 16 * 1024 * 1024;

/** Something in a folder, by its path from the root. */
interface Entry {
  kind: "file" | "folder";
  path: string;
}

/** There is no such folder, or the way to it leads over a symbolic link. */
export class FolderNotFoundError extends Error {
  override readonly name = "FolderNotFoundError";
}

/** Refuses what is no folder, and links that might lead out of the root. */
export async function checkFolder(root: string, folder: string): Promise<void> {
  const path = join(await Deno.realPath(root), folder, ".");
  const real = await Deno.realPath(path).catch(() => undefined);
  if (real !== path || !(await Deno.lstat(path)).isDirectory) {
    throw new FolderNotFoundError(`Cannot hash the files of ${folder}: there is no such folder`);
  }
}

/** Counts the files and their bytes. What cannot be read does not count. */
export async function countFiles(
  root: string,
  folder: string,
  signal: AbortSignal,
): Promise<Total> {
  const total: Total = { kind: "total", files: 0, bytes: 0 };
  for await (const entry of walk(root, folder, signal)) {
    if (entry.kind === "unreadable") continue;
    const info = await Deno.lstat(join(root, entry.path)).catch(() => undefined);
    if (info === undefined) continue;
    total.files++;
    total.bytes += info.size;
  }
  return total;
}

/** Hashes one file after the other. */
export async function* hashFolder(
  root: string,
  folder: string,
  signal: AbortSignal,
): AsyncGenerator<HashItem> {
  for await (const entry of walk(root, folder, signal)) {
    if (entry.kind === "unreadable") yield entry;
    else yield* hashFile(root, entry.path, signal);
  }
}

/**
 * Gives the files of a folder and of those below it, in the order of their names. Symbolic links
 * are not followed; devices and pipes are passed over.
 */
async function* walk(
  root: string,
  folder: string,
  signal: AbortSignal,
): AsyncGenerator<Entry | Unreadable> {
  const ahead: (Entry | Unreadable)[] = [{ kind: "folder", path: posix.join(folder, ".") }];
  for (let entry = ahead.pop(); entry !== undefined; entry = ahead.pop()) {
    signal.throwIfAborted();
    if (entry.kind !== "folder") yield entry;
    else for (const child of await list(root, entry.path)) ahead.push(child);
  }
}

/** The files and folders of a folder, last name first. */
async function list(root: string, folder: string): Promise<(Entry | Unreadable)[]> {
  const entries: Entry[] = [];
  try {
    for await (const { name, isFile, isDirectory } of Deno.readDir(join(root, folder))) {
      const path = posix.join(folder, name);
      if (isFile) entries.push({ kind: "file", path });
      if (isDirectory) entries.push({ kind: "folder", path });
    }
  } catch (error) {
    return [unreadable(folder, error)];
  }
  return entries.sort((a, b) => a.path < b.path ? 1 : -1);
}

/** Reads a file piece by piece, so that it takes the same memory whatever its size. */
async function* hashFile(
  root: string,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Progress | HashedFile | Unreadable> {
  let file: Deno.FsFile | undefined;
  try {
    file = await Deno.open(join(root, path));
    const hash = createHash("sha256");
    const buffer = new Uint8Array(READ_BYTES);
    let bytes = 0;
    let nextProgress = PROGRESS_BYTES;
    for (let n = await file.read(buffer); n !== null; n = await file.read(buffer)) {
      signal.throwIfAborted();
      hash.update(buffer.subarray(0, n));
      bytes += n;
      if (bytes < nextProgress) continue;
      nextProgress += PROGRESS_BYTES;
      yield { kind: "progress", path, bytes };
    }
    yield { kind: "file", path, bytes, sha256: hash.digest("hex") };
  } catch (error) {
    signal.throwIfAborted();
    yield unreadable(path, error);
  } finally {
    file?.close();
  }
}

function unreadable(path: string, error: unknown): Unreadable {
  return { kind: "unreadable", path, reason: reasonOf(error) };
}

/** Says in a few words why. The message of the error would tell a client where the root is. */
function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "not found";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.NotCapable) return "permission denied";
  return "cannot be read";
}
