/// <reference lib="dom" />

import type { HashedFile, Unreadable } from "../messages.ts";
import { sizeOf } from "../tally.ts";
import { element } from "./elements.ts";

const MAX_ROWS = 300;

/** A file in the table, with its row once that is drawn. */
interface Entry {
  readonly item: HashedFile | Unreadable;
  row?: HTMLTableRowElement;
}

/** The table of files, newest first. It shows a few hundred, whatever the number of files. */
export class FileTable {
  readonly #table = element("table", HTMLTableElement);
  readonly #rows = element("rows", HTMLTableSectionElement);
  readonly #shown = element("shown", HTMLElement);
  #entries: Entry[] = [];
  #count = 0;

  /** Takes a file. What cannot be read stays longest. */
  add(item: HashedFile | Unreadable): void {
    this.#count++;
    this.#entries.push({ item });
    if (this.#entries.length <= MAX_ROWS) return;
    const oldest = this.#entries.findIndex(({ item }) => item.kind === "file");
    this.#entries.splice(Math.max(0, oldest), 1);
  }

  clear(): void {
    this.#entries = [];
    this.#count = 0;
  }

  /** Draws what has changed. */
  draw(): void {
    const kept = new Set(this.#entries.map(({ row }) => row));
    for (const row of [...this.#rows.rows]) if (!kept.has(row)) row.remove();
    const fresh = this.#entries.filter(({ row }) => row === undefined);
    for (const entry of fresh) entry.row = rowOf(entry.item);
    this.#rows.prepend(...fresh.flatMap(({ row }) => row ?? []).reverse());
    const hidden = this.#count - this.#entries.length;
    this.#shown.textContent = hidden === 0
      ? `${this.#count}, newest first`
      : `${this.#count}, newest first; ${hidden} are not shown`;
    this.#table.hidden = this.#count === 0;
  }
}

function rowOf(item: HashedFile | Unreadable): HTMLTableRowElement {
  const row = document.createElement("tr");
  row.role = "row";
  const isHashed = item.kind === "file";
  row.append(
    cell("th", "rowheader", "path", item.path),
    cell("td", "cell", "size", isHashed ? sizeOf(item.bytes) : ""),
    isHashed
      ? cell("td", "cell", "hash", item.sha256)
      : cell("td", "cell", "reason", `Cannot be read: ${item.reason}`),
  );
  return row;
}

function cell(
  tag: "th" | "td",
  role: string,
  className: string,
  text: string,
): HTMLTableCellElement {
  const made = document.createElement(tag);
  if (tag === "th") made.scope = "row";
  made.role = role;
  made.className = className;
  made.textContent = text;
  return made;
}
