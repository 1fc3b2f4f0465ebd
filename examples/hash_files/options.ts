/** What the command line asks for. */

import { relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { printable } from "./terminal.ts";

export const USAGE = `Usage: deno task demo [folder]
       deno task demo --serve [folder]

Prints the SHA-256 of every file in a folder and in the folders below it, as sha256sum does.
Without a folder it takes the source of the library.

  --serve  Serves the folder over HTTP, with a page for a browser, until it is interrupted
  --help   Prints this text
`;

export interface Options {
  /** The folder as the user names it. */
  folder: string;
  /** Its absolute path. */
  root: string;
  serve: boolean;
  help: boolean;
}

/** Something that the user can put right. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Reads the arguments of the program; throws a `UsageError` if it does not understand them. */
export function readOptions(args: string[]): Options {
  const { values, positionals } = parse(args);
  // `deno task` changes to the folder of deno.json, and leaves here where the user is.
  const here = Deno.env.get("INIT_CWD") ?? Deno.cwd();
  const source = fileURLToPath(new URL("../../src", import.meta.url));
  const [folder = relative(here, source) || ".", ...others] = positionals;
  if (others.length > 0) throw new UsageError(`There is one folder at most\n\n${USAGE.trimEnd()}`);
  return {
    folder,
    root: resolve(here, folder),
    serve: values.serve ?? false,
    help: values.help ?? false,
  };
}

function parse(args: string[]) {
  const options = { serve: { type: "boolean" }, help: { type: "boolean" } } as const;
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError(`${error instanceof Error ? error.message : error}\n\n${USAGE.trimEnd()}`);
  }
}

/** Throws a `UsageError` if there is no such folder. */
export async function assertFolder({ folder, root }: Options): Promise<void> {
  const info = await Deno.stat(root).catch(() => undefined);
  if (folder === "" || !info?.isDirectory) {
    throw new UsageError(`There is no folder "${printable(folder)}"`);
  }
}
