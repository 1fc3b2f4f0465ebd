/**
 * The page, as files. Its module and the library go to the browser as they are written, in
 * TypeScript of which only the types are blanked: there is nothing to build.
 */

import { Hono } from "hono";
import { etag } from "hono/etag";
import { createHash } from "node:crypto";
import { stripTypeScriptTypes } from "node:module";

const EXAMPLE = new URL("./", import.meta.url);
const LIBRARY = new URL("../../", import.meta.url);

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  svg: "image/svg+xml",
  ts: "text/javascript; charset=utf-8",
};

/** Makes routes for the page at `/` and for what it needs. */
export function pageFiles(): Hono {
  return new Hono().get("*", etag(), async (c) => {
    const file = fileOf(c.req.path);
    const text = file && await Deno.readTextFile(file).catch(() => undefined);
    if (file === undefined || text === undefined) return c.notFound();
    const suffix = file.pathname.slice(file.pathname.lastIndexOf(".") + 1);
    c.header("cache-control", "no-cache"); // asks each time, and is told that nothing has changed
    c.header("content-type", CONTENT_TYPES[suffix]);
    c.header("referrer-policy", "no-referrer");
    c.header("x-content-type-options", "nosniff");
    if (suffix === "html") c.header("content-security-policy", policyOf(text));
    return c.body(suffix === "ts" ? stripTypeScriptTypes(text) : text);
  });
}

/** The file behind a path. A name is one of word characters only, so no path leads elsewhere. */
function fileOf(path: string): URL | undefined {
  if (path === "/") return new URL("page/index.html", EXAMPLE);
  if (/^\/(?:tally\.ts|page\/\w+\.(?:css|svg|ts))$/.test(path)) return new URL(`.${path}`, EXAMPLE);
  if (/^\/(?:mod|src(?:\/\w+)+)\.ts$/.test(path)) return new URL(`.${path}`, LIBRARY);
  return undefined;
}

/** Lets the page load what comes from this server, and have the one inline script that cannot: the import map. */
function policyOf(html: string): string {
  const importMap = html.match(/<script type="importmap">([^]*?)<\/script>/)?.[1] ?? "";
  const hash = createHash("sha256").update(importMap).digest("base64");
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${hash}'`,
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join("; ");
}
