/// <reference lib="dom" />

import { element } from "./elements.ts";

/** Does something with a folder until its signal aborts; it does not reject. */
export type Run = (folder: string, signal: AbortSignal) => Promise<void>;

/** The form: a folder, a button that starts a run, and in its place those for a run under way. */
export class FolderForm {
  readonly #run: Run;
  readonly #folder = element("folder", HTMLInputElement);
  readonly #error = element("folder-error", HTMLElement);
  readonly #start = element("start", HTMLButtonElement);
  readonly #cancel = element("cancel", HTMLButtonElement);
  readonly #cut = element("cut", HTMLButtonElement);
  /** Cancels the run that is under way. */
  #controller: AbortController | undefined;

  constructor(run: Run) {
    this.#run = run;
    element("form", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.#controller === undefined) this.#submit();
    });
    this.#cancel.addEventListener("click", () => this.cancel());
  }

  /** Cancels the run, if there is one. */
  cancel(): void {
    this.#controller?.abort();
  }

  /** Says at the field what is wrong with it, and leads there. */
  refuse(reason: string): void {
    this.#showError(reason);
    this.#folder.focus();
    this.#folder.select();
  }

  async #submit(): Promise<void> {
    this.#controller = new AbortController();
    this.#showError("");
    this.#folder.readOnly = true;
    replace([this.#start], [this.#cancel, this.#cut]);
    await this.#run(this.#folder.value || ".", this.#controller.signal);
    this.#controller = undefined;
    this.#folder.readOnly = false;
    replace([this.#cancel, this.#cut], [this.#start]);
  }

  #showError(reason: string): void {
    this.#error.textContent = reason;
    this.#error.hidden = reason === "";
    this.#folder.ariaInvalid = reason === "" ? null : "true";
  }
}

/** Puts buttons in the place of others, which pass the focus on. */
function replace(before: readonly HTMLElement[], after: readonly HTMLElement[]): void {
  const hadFocus = before.some((button) => button === document.activeElement);
  for (const button of before) button.hidden = true;
  for (const button of after) button.hidden = false;
  if (hadFocus) after[0]?.focus();
}
