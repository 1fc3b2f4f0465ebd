/** The application: who handles which message. */

import { bootstrap, handlers, type Observer } from "@sluice/cqrs";
import type { Notices } from "./notices.ts";
import { checkFolder, countFiles, hashFolder } from "./files.ts";
import {
  ClearSummary,
  FileHashed,
  FileUnreadable,
  HashFiles,
  HashPublished,
  ReadNotices,
  ReadSummary,
  type Summary,
} from "./messages.ts";

/** The application, which knows by its type what it handles. */
export type HashFilesApp = ReturnType<typeof hashFilesApp>;

/**
 * Makes an application that hashes files in the folder `root` and nowhere else.
 *
 * @param notices Tells others of each hash.
 * @param observer Sees everything that happens to messages.
 */
export function hashFilesApp(root: string, notices: Notices, observer: Observer = () => {}) {
  const summary: Summary = { files: 0, bytes: 0, failures: 0 };

  const registry = handlers()
    .on(HashFiles, async function* ({ folder }, { emit, signal }) {
      await checkFolder(root, folder);
      yield await countFiles(root, folder, signal);
      for await (const item of hashFolder(root, folder, signal)) {
        if (item.kind === "file") emit(FileHashed(item), HashPublished(item));
        if (item.kind === "unreadable") emit(FileUnreadable(item));
        yield item;
      }
    })
    .on(FileHashed, ({ bytes }) => {
      summary.files++;
      summary.bytes += bytes;
    })
    .on(FileUnreadable, () => {
      summary.failures++;
    })
    .on(ReadSummary, () => ({ ...summary }))
    .on(ReadNotices, () => notices.arrived())
    .on(ClearSummary, () => {
      Object.assign(summary, { files: 0, bytes: 0, failures: 0 });
    });

  // What is emitted goes into the outbox before the item is delivered.
  return bootstrap(registry, { storage: notices.storage, observer });
}
