/**
 * The demo's page in a browser: the server in a process of its own, a network between that can be
 * cut, and words for what one does and sees there.
 *
 * @module
 */

/// <reference lib="dom" />

import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { Browser, BrowserContextOptions, Locator, Page } from "playwright-core";
import {
  type DemoOptions,
  type DemoProcess,
  startDemo,
  type TemporaryFolder,
} from "../../examples/demo_process.ts";
import { openPage } from "./browser.ts";
import { type Proxy, startProxy } from "./proxy.ts";

/** A server that serves a folder, and the network to it. */
export interface Site extends AsyncDisposable {
  /** The address of the page, also after a restart. */
  readonly url: string;
  readonly proxy: Proxy;
  /** The process that serves now. */
  readonly server: DemoProcess;
  /** Starts a new process in the place of one that has ended. */
  restart(): Promise<void>;
}

/** Serves a folder. */
export async function serveFolder(
  folder: TemporaryFolder,
  options: Omit<DemoOptions, "cwd" | "args"> = {},
): Promise<Site> {
  const start = async () => {
    const server = await startDemo({ ...options, args: ["--serve", "."], cwd: folder.path });
    const [, port] = await server.stdout.until(/^Serving at http:\/\/127\.0\.0\.1:(\d+)\/ /);
    return [server, Number(port)] as const;
  };
  let [server, port] = await start();
  const proxy = startProxy(port);
  return {
    url: proxy.url,
    proxy,
    get server() {
      return server;
    },
    async restart() {
      [server, port] = await start();
      proxy.port = port;
    },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The page with its parts. */
export interface DemoPage extends AsyncDisposable {
  readonly page: Page;
  readonly folder: Locator;
  readonly start: Locator;
  readonly cancel: Locator;
  readonly cut: Locator;
  readonly rows: Locator;
  /** What the page has complained of, but for what Chromium reports of the answer 400 and of the network. */
  complaints(): string[];
  /** Waits until the heading of the run says so. */
  until(state: string | RegExp): Promise<void>;
  /** Waits until the bar says that so much is done. */
  untilPercent(percent: number): Promise<void>;
  /** Waits until the table has so many files, or more. */
  untilRows(count: number): Promise<void>;
  /** A figure of the run, by its name. */
  figure(name: string): Promise<string | null>;
  /** The texts of the rows, cell by cell, the oldest file first. */
  cells(): Promise<string[][]>;
}

/** Opens the page of a site. */
export async function openDemoPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<DemoPage> {
  const { page, complaints, [Symbol.asyncDispose]: dispose } = await openPage(
    browser,
    url,
    options,
  );
  return {
    page,
    folder: page.getByRole("textbox", { name: "Folder" }),
    start: page.getByRole("button", { name: "Hash files" }),
    cancel: page.getByRole("button", { name: "Cancel" }),
    cut: page.getByRole("button", { name: "Cut the connection" }),
    rows: page.locator("#rows tr"),
    complaints: () => complaints.filter((text) => !/status of 400|net::ERR_/.test(text)),
    until: (state) => page.getByRole("heading", { level: 2, name: state }).waitFor(),
    async untilPercent(percent) {
      await page.waitForFunction(
        (percent) => (document.querySelector("progress")?.value ?? 0) >= percent,
        percent,
      );
    },
    async untilRows(count) {
      await page.waitForFunction(
        (count) => document.querySelectorAll("#rows tr").length >= count,
        count,
      );
    },
    figure: (name) =>
      page.locator("dl > div", { has: page.getByText(name, { exact: true }) }).locator("dd")
        .textContent(),
    async cells() {
      const rows = await page.locator("#rows tr").evaluateAll((rows) =>
        rows.map((row) => [...row.children].map(({ textContent }) => textContent))
      );
      return rows.reverse();
    },
    [Symbol.asyncDispose]: dispose,
  };
}

/** Waits for a condition that the page or the server brings about, asking again and again. */
export async function eventually(isSo: () => Promise<boolean> | boolean): Promise<void> {
  const deadline = AbortSignal.timeout(30_000);
  while (!await isSo()) {
    assert.ok(!deadline.aborted, "It has not come about for 30 s");
    await setImmediate(); // what is waited for may need a turn
  }
}
