/// <reference lib="dom" />

/** The page: sends the form's folder, and shows the items of the stream that answers. */

import { streamRequest, type } from "@sluice/cqrs";
import { streamItems } from "@sluice/cqrs/client";
import type { HashItem } from "../messages.ts";
import { cuttable } from "./cut_button.ts";
import { element } from "./elements.ts";
import { explain } from "./explain.ts";
import { FolderForm } from "./folder_form.ts";
import { portions } from "./frames.ts";
import { RunView } from "./run_view.ts";

/** The server's message as the browser needs it: the schema and its checks stay on the server. */
const HashFiles = streamRequest("files.hash", type<{ folder: string }>()).yields<HashItem>();

const view = new RunView();
const form = new FolderForm(hash);
const fetch = cuttable(element("cut", HTMLButtonElement));

// Whoever leaves the page does not wait for the rest.
addEventListener("pagehide", () => form.cancel());

/** Has a folder hashed, until the stream ends or the signal aborts. */
async function hash(folder: string, signal: AbortSignal): Promise<void> {
  view.begin();
  try {
    const items = streamItems("/hashes", HashFiles({ folder }), {
      signal,
      fetch,
      backoff: { maxDelayMs: 4_000 },
      maxAttempts: 20, // about as long as the server keeps a run that nobody reads
      onStateChange: (connection) => view.connect(connection),
    });
    const portion = portions();
    for await (const item of items) {
      view.add(item);
      await portion(); // nothing is read meanwhile, so the server does not run ahead
    }
    view.done();
  } catch (error) {
    if (signal.aborted) return view.cancelled();
    const { reason, isAboutFolder } = explain(error);
    if (!isAboutFolder) return view.failed(reason);
    view.refused();
    form.refuse(reason);
  }
}
