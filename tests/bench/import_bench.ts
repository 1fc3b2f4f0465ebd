const group = "a process that imports";

/** Runs a module in a process of its own, as a function that starts cold does. */
async function run(source: string): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--no-config",
      `data:text/javascript,${encodeURIComponent(source)}`,
    ],
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`Cannot run: ${source}`);
}

const root = import.meta.resolve("../../mod.ts");

// Functions that are not `async` themselves are not awaited by Deno.bench.
Deno.bench({
  name: "nothing",
  group,
  baseline: true,
  fn: async () => {
    await run("");
  },
});

Deno.bench({
  name: "@sluice/cqrs",
  group,
  fn: async () => {
    await run(`import ${JSON.stringify(root)}`);
  },
});
