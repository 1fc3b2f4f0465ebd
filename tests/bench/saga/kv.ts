import { bootstrap, handlers } from "@sluice/cqrs";
import { denoKvStorage } from "@sluice/cqrs/deno-kv";
import { Order, START, steps, table } from "./order.ts";

/** Measures on Deno KV, in memory and in a file. */
export async function measureKv(): Promise<void> {
  const file = await Deno.makeTempFile();
  for (
    const [title, path, count] of [["memory", ":memory:", 2_000], ["a file", file, 300]] as const
  ) {
    const kv = await Deno.openKv(path);
    const storage = denoKvStorage(kv);
    await storage.migrate();
    const app = bootstrap(handlers().saga(Order), { storage });
    const candidates = [
      { name: "by hand, an atomic operation a step", run: () => byHand(kv) },
      { name: "Sluice", run: () => app.send(Order(START)) },
    ];
    await table(`Deno KV in ${title}, one at a time`, candidates, {
      count,
      inFlight: 1,
      rounds: 9,
    });
    await table(`Deno KV in ${title}, 16 in flight`, candidates, {
      count,
      inFlight: 16,
      rounds: 9,
    });
    kv.close();
  }
  await Deno.remove(file);
}

/** The state under one key, each step's row of the log under another. */
async function byHand(kv: Deno.Kv): Promise<void> {
  const id = crypto.randomUUID();
  const key = ["hand", id];
  let context: object = START;
  let revision = 1;
  let { versionstamp } = await committed(
    kv.atomic().check({ key, versionstamp: null })
      .set(key, { name: "order", status: "running", context: JSON.stringify(context), revision }),
  );
  for (const [name, step] of Object.entries(steps)) {
    const result = await step();
    context = { ...context, ...result };
    revision++;
    const status = name === "ship" ? "completed" : "running";
    ({ versionstamp } = await committed(
      kv.atomic().check({ key, versionstamp })
        .set(key, { name: "order", status, context: JSON.stringify(context), revision })
        .set(["hand_log", id, revision], {
          step: name,
          result: JSON.stringify(result),
          at: Date.now(),
        }),
    ));
  }
}

async function committed(operation: Deno.AtomicOperation): Promise<Deno.KvCommitResult> {
  const result = await operation.commit();
  if (!result.ok) throw new Error("Somebody else has the saga");
  return result;
}
