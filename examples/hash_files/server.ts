/** The application over HTTP. */

import { routes } from "@sluice/cqrs/hono";
import { memoryReplayLog } from "@sluice/cqrs/stream";
import { Hono } from "hono";
import type { HashFilesApp } from "./app.ts";
import { FolderNotFoundError } from "./files.ts";
import { ClearSummary, HashFiles, ReadNotices, ReadSummary } from "./messages.ts";

/** Makes the routes. */
export function hashFilesApi(app: HashFilesApp): Hono {
  const http = routes(app, {
    replay: memoryReplayLog(), // a client that loses its connection goes on where it broke off
    mapError: (error) =>
      error instanceof FolderNotFoundError
        ? { status: 404, detail: "There is no such folder", code: "folder_not_found" }
        : undefined,
    // deno-lint-ignore no-console
    onError: (error) => console.error(error),
  });
  return new Hono()
    .all("/hashes", http.sse(HashFiles))
    .get("/notices", http.send(ReadNotices))
    .get("/summary", http.send(ReadSummary))
    .delete("/summary", http.send(ClearSummary));
}

/** Says how to look at the page and how to call the routes. */
export function describeRoutes(url: string): string {
  return `Serving at ${url}/ until Ctrl-C. Open it in a browser, or:

Hash a folder:      curl -N ${url}/hashes -H 'content-type: application/json' -d '{"folder": "."}'
Read the summary:   curl ${url}/summary
Clear the summary:  curl -X DELETE ${url}/summary
`;
}
