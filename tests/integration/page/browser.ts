/**
 * Chromium for tests: launching it, opening pages, and running modules of this repository in one.
 *
 * @module
 */

/// <reference lib="dom" />

import assert from "node:assert/strict";
import { stripTypeScriptTypes } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { readSettings, root } from "../../architecture/repository.ts";
import { findChromium } from "../../services/chromium.ts";

const ARGS = [
  "--no-sandbox", // root has no sandbox
  "--disable-quic",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

const program = await findChromium();

/** Whether tests in the browser are to be left out: there is none, and nobody demands one by setting `CI`. */
export const isBrowserMissing: boolean = program === undefined && !Deno.env.get("CI");

/** Launches the browser, without a window. */
export async function launchBrowser(): Promise<Browser> {
  assert.ok(program !== undefined, "There is no Chromium");
  return await chromium.launch({ executablePath: program, args: ARGS });
}

/** A page in a context of its own. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  /** What the page has complained of so far: errors, and what its policy refused. */
  readonly complaints: readonly string[];
}

/** Opens a page and closes it with its context afterwards. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({ locale: "en", ...options });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", ({ message }) => complaints.push(message));
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  await page.goto(url);
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}

/**
 * Answers a request with a module of this repository, of which the types are blanked, or at `/` with
 * an empty page that knows the library's entry points by their names. `undefined` for all else, so
 * that a server can answer with something of its own.
 */
export async function serveModules(request: Request): Promise<Response | undefined> {
  const { pathname } = new URL(request.url);
  if (pathname === "/") {
    const { name, exports } = await readSettings();
    const imports = Object.fromEntries(
      Object.entries(exports).map(([key, path]) => [`${name}${key.slice(1)}`, path.slice(1)]),
    );
    const importMap = JSON.stringify({ imports });
    return new Response(`<!doctype html><script type="importmap">${importMap}</script>`, {
      headers: { "content-type": "text/html" },
    });
  }
  if (!/^(?:\/\w+)+\.ts$/.test(pathname)) return undefined;
  const source = await Deno.readTextFile(new URL(pathname.slice(1), root));
  return new Response(stripTypeScriptTypes(source), {
    headers: { "content-type": "text/javascript" },
  });
}

/**
 * Calls a function that a module of this repository exports, in a page of a server that gives it by
 * {@linkcode serveModules}.
 *
 * @param module The path of the module from the top folder.
 * @param args What the function is given; like its result, it goes through a kind of JSON.
 */
export async function runModule(
  page: Page,
  module: string,
  name: string,
  ...args: readonly unknown[]
): Promise<unknown> {
  return await page.evaluate(async ([module, name, args]) => {
    const { [name]: run } = await import(`/${module}`);
    return await run(...args);
  }, [module, name, args] as const);
}
