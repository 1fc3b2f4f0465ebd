/**
 * Prints the minified bundle of a file, as it would be sent to a browser or an
 * edge worker: everything of this repository in one module, other packages
 * left as imports.
 *
 * A program of its own, because esbuild gives no way to wait for the end of
 * the process that it starts, and tests must not leave one behind.
 *
 * @module
 */

import { build, stop } from "esbuild";

/** Bundles the file whose path is the first argument. */
async function main([path = ""]: string[]): Promise<void> {
  const { outputFiles } = await build({
    entryPoints: [path],
    bundle: true,
    format: "esm",
    minify: true,
    packages: "external",
    platform: "neutral",
    target: "es2022",
    write: false,
  });
  for (const file of outputFiles) {
    await new Blob([file.contents as Uint8Array<ArrayBuffer>]).stream()
      .pipeTo(Deno.stdout.writable);
  }
  await stop();
}

if (import.meta.main) await main(Deno.args);
