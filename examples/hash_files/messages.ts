/** What can be asked of the application, and what happens in it. */

import { command, domainEvent, notification, query, streamRequest, type } from "@sluice/cqrs";
import { isAbsolute } from "node:path";
import { z } from "zod";

/** A folder inside the one that the application was started for. */
const folder = z.string()
  .refine((path) => !isAbsolute(path), "must be relative")
  .refine((path) => !path.split(/[/\\]/).includes(".."), 'must not contain ".."')
  .refine((path) => !path.includes("\0"), "must not contain a null character")
  .default(".");

/** Asks for the SHA-256 of every file in a folder and in the folders below it. */
export const HashFiles = streamRequest("files.hash", z.object({ folder })).yields<HashItem>();

/** Asks what has been hashed so far, by all requests together. */
export const ReadSummary = query("summary.read").returns<Summary>();

/** Starts the summary anew. */
export const ClearSummary = command("summary.clear");

/** Asks how many notices of hashes have arrived where others read them, when all have. */
export const ReadNotices = query("notices.read").returns<number>();

/** Tells others, through a broker, that a file was hashed. */
export const HashPublished = notification("hash.published", {
  topic: "file_hashes",
  data: z.object({ path: z.string(), sha256: z.string() }),
  key: ({ path }) => path,
});

export const FileHashed = domainEvent("file.hashed", type<{ path: string; bytes: number }>());
export const FileUnreadable = domainEvent("file.unreadable", type<{ path: string }>());

/** An item of the stream. Paths start at the folder that the application was started for. */
export type HashItem = Total | Progress | HashedFile | Unreadable;

/** How much there is to do: always the first item. */
export interface Total {
  kind: "total";
  files: number;
  bytes: number;
}

/** How far a large file has been read. */
export interface Progress {
  kind: "progress";
  path: string;
  bytes: number;
}

export interface HashedFile {
  kind: "file";
  path: string;
  bytes: number;
  sha256: string;
}

/** A file or folder that could not be read; the stream goes on after it. */
export interface Unreadable {
  kind: "unreadable";
  path: string;
  reason: string;
}

export interface Summary {
  files: number;
  bytes: number;
  failures: number;
}
