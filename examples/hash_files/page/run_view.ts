/// <reference lib="dom" />

import type { ConnectionState } from "@sluice/cqrs/client";
import type { HashItem } from "../messages.ts";
import { Tally } from "../tally.ts";
import { Announcer } from "./announcer.ts";
import { element, setText } from "./elements.ts";
import { FileTable } from "./file_table.ts";
import { onNextFrame } from "./frames.ts";

const HEADINGS = {
  idle: "Ready",
  counting: "Counting the files",
  hashing: "Hashing",
  reconnecting: "Reconnecting",
  done: "Done",
  cancelled: "Cancelled",
  failed: "Stopped",
} as const;

/** Shows how a run goes. What it is told is drawn with the next frame, however much that is. */
export class RunView {
  readonly #hint = element("detail", HTMLElement).textContent;
  readonly #announcer = new Announcer(element("news", HTMLElement));
  readonly #table = new FileTable();
  readonly #askToDraw = onNextFrame(() => this.#draw());
  #tally = new Tally();
  #isCounted = false;
  /** Whether the connection was lost, and nothing of the run has come since. */
  #wasLost = false;
  #resumptions = 0;
  #state: keyof typeof HEADINGS = "idle";
  #detail = "";

  /** A run begins. */
  begin(): void {
    this.#tally = new Tally();
    this.#isCounted = false;
    this.#wasLost = false;
    this.#resumptions = 0;
    this.#table.clear();
    this.#turn("counting");
  }

  /** An item of the run has come. */
  add(item: HashItem): void {
    this.#tally.add(item);
    this.#countResumption();
    if (item.kind === "total") {
      this.#isCounted = true;
      return this.#turn("hashing", "", `Hashing ${this.#tally.describeTotal()}`);
    }
    this.#detail = item.kind === "progress" ? `Reading ${item.path}` : "";
    if (item.kind !== "progress") this.#table.add(item);
    this.#announcer.progress(() => `${this.#tally.percent} %, ${this.#tally.describeFiles()}`);
    this.#askToDraw();
  }

  /** The connection is lost, or there again. */
  connect(connection: ConnectionState): void {
    if (connection.state === "reconnecting") {
      this.#wasLost = true;
      const detail = `The connection was lost. Trying again, attempt ${connection.attempt}.`;
      if (this.#state !== "reconnecting") this.#turn("reconnecting", detail);
      this.#detail = detail;
      this.#askToDraw();
    } else if (this.#state === "reconnecting") {
      const state = this.#isCounted ? "hashing" : "counting";
      this.#turn(state, "", `Connected again. ${HEADINGS[state]} goes on`);
    }
  }

  /** The run has come to its end. */
  done(): void {
    this.#countResumption();
    this.#turn("done", "", `Done. Hashed ${this.#tally.describe()}`);
  }

  /** The user has cancelled the run. */
  cancelled(): void {
    this.#turn("cancelled", "", `Cancelled. Hashed ${this.#tally.describe()}`);
  }

  /** The run has failed, for a reason that the user can read. */
  failed(reason: string): void {
    this.#turn("failed", reason);
  }

  /** Nothing has been run: the user has to put something right first. */
  refused(): void {
    this.#turn("idle", this.#hint, "");
  }

  #countResumption(): void {
    if (this.#wasLost) this.#resumptions++;
    this.#wasLost = false;
  }

  #turn(
    state: keyof typeof HEADINGS,
    detail = "",
    news = `${HEADINGS[state]}. ${detail}`.trim(),
  ): void {
    this.#state = state;
    this.#detail = detail;
    this.#announcer.say(news);
    this.#askToDraw();
  }

  #draw(): void {
    const percent = this.#state === "done" ? 100 : this.#tally.percent;
    element("run", HTMLElement).dataset.state = this.#state;
    setText("state", HEADINGS[this.#state]);
    setText("detail", this.#detail);
    setText("percent", this.#isCounted ? `${percent} %` : "");
    setText("files", this.#tally.describeFiles());
    setText("bytes", this.#tally.describeBytes());
    setText("time", this.#tally.describeTime());
    setText("rate", this.#tally.describeRate());
    setText("failures", `${this.#tally.failures}`);
    setText("resumptions", this.#resumptions === 1 ? "1 time" : `${this.#resumptions} times`);
    element("figures", HTMLElement).hidden = !this.#isCounted;
    this.#drawProgress(percent);
    this.#table.draw();
    document.title = this.#isCounted ? `${percent} % · Hash files` : "Hash files · Sluice";
  }

  #drawProgress(percent: number): void {
    const progress = element("progress", HTMLProgressElement);
    progress.hidden = !this.#isCounted && this.#state !== "counting";
    if (this.#isCounted) progress.value = percent;
    else progress.removeAttribute("value");
  }
}
