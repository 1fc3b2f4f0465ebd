// deno-lint-ignore-file no-console -- what is left out is for the reader of the output
import type { PostgresClientHarness, PostgresClientNeed } from "./postgres_client_harness.ts";
import { postgresClientQueryCases } from "./postgres_client_query_cases.ts";
import { postgresClientServerCases } from "./postgres_client_server_cases.ts";
import { postgresClientTransactionCases } from "./postgres_client_transaction_cases.ts";

/** What a client of Postgres is to be tried with. */
export interface PostgresClientRun<C> {
  /** What the driver lacks. */
  readonly lacks: readonly PostgresClientNeed[];
  /** When the driver keeps timers or connections that nobody needs any more. @default "never" */
  readonly leaks?: "never" | "after a loss" | "always";
  /** Makes a harness. */
  harness(): Promise<PostgresClientHarness<C>>;
}

const cases = [
  ...postgresClientQueryCases,
  ...postgresClientTransactionCases,
  ...postgresClientServerCases,
];

/** Makes a test of each case of a client of Postgres, and says which ones it leaves out. */
export function testPostgresClient<C>(
  name: string,
  { lacks, harness, leaks = "never" }: PostgresClientRun<C>,
): void {
  for (const { name: behaviour, needs = [], run } of cases) {
    const missing = needs.filter((need) => lacks.includes(need));
    if (missing.length > 0) {
      console.log(`Not tested, as ${name} has no ${missing.join(", no ")}: ${behaviour}`);
      continue;
    }
    const isClean = leaks === "never" ||
      leaks === "after a loss" && !needs.includes("reconnection");
    Deno.test(
      `${name} ${behaviour}`,
      { sanitizeOps: isClean, sanitizeResources: isClean },
      async () => {
        await using made = await harness();
        // The handle comes from the client and goes back to it.
        await run(made as PostgresClientHarness<never>);
      },
    );
  }
}
