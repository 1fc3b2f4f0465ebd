import type { ConsumerTask } from "./consumer_process.ts";

const program = new URL("consumer_process.ts", import.meta.url).pathname;

/** Runs a consumer in a process of its own. Resolves to the signal that killed it, or to its exit code. */
export async function runConsumer(task: ConsumerTask): Promise<Deno.Signal | number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--allow-all", program, JSON.stringify(task)],
    env: { NO_PROXY: "127.0.0.1" },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).spawn();
  const { signal, code } = await child.status;
  return signal ?? code;
}
