/**
 * Sagas in real processes that are killed: one in the middle of a step, one in the middle of undoing
 * it, each when the bank has booked and nobody has written that down. Another process goes on with
 * them. It asks the bank again, by the same idempotency key, and the money moves once.
 *
 * Run it: deno run --allow-env --allow-read --allow-run --allow-write examples/saga_crash/main.ts
 *
 * @module
 */

// deno-lint-ignore-file no-console

import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { Bank, type Booking } from "./bank.ts";

const directory = await Deno.makeTempDir();
const file = `${directory}/sagas.db`;

/** Starts a process that runs sagas. */
function work(args: readonly string[], env: Record<string, string> = {}): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--allow-env",
      "--allow-read",
      "--allow-write",
      new URL("worker.ts", import.meta.url).href,
      ...args,
    ],
    env,
    stdin: "null",
    stdout: "piped",
  }).spawn();
}

/** Starts a saga in a process that stops behind an effect, and kills the process there. */
async function crash(id: string, item: string, behind: Booking["what"]): Promise<void> {
  const worker = work(["start", file, id, item], { SLOW: behind });
  for await (const chunk of worker.stdout) {
    await Deno.stdout.write(chunk);
    worker.kill("SIGKILL");
  }
  const { signal } = await worker.status;
  console.log(`  it ended by ${signal}`);
}

/** Goes on with what was left, in another process. */
async function recover(): Promise<void> {
  const { success } = await work(["recover", file]).output();
  if (!success) throw new Error("The recovery has failed");
}

/** Tells how a saga stands, and what the bank knows. */
async function tell(id: string): Promise<void> {
  const kv = await Deno.openKv(file);
  const saga = await denoKvStorage(kv).sagas.load(id);
  console.log(`  ${id} is ${saga?.record.status}`);
  const bank = new Bank(kv);
  for (const what of ["charge", "refund"] as const) {
    console.log(`  ${await bank.tell({ what, key: `${id}/charge` })}`);
  }
  kv.close();
}

console.log("A lamp is ordered, and its process dies in the middle of a step");
await crash("o1", "lamp", "charge");
await tell("o1");
console.log("Another process goes on with it");
await recover();
await tell("o1");

console.log("A piano cannot be sent, and its process dies in the middle of undoing");
await crash("o2", "piano", "refund");
await tell("o2");
console.log("Another process goes on with it");
await recover();
await tell("o2");

await Deno.remove(directory, { recursive: true });
