import type { ReplayAsk, ReplayExchange, RunPlace } from "../mod.ts";
import type { PostgresClient, PostgresParameter, PostgresRow } from "./client.ts";
import type { PostgresNames } from "./names.ts";
import { sqlStateOf } from "./sql_state.ts";

/** A row refers to one that is gone: a node that was taken to be dead. */
const FOREIGN_KEY_VIOLATION = "23503";

/** How replay logs talk through Postgres. Times are those of its clock. */
export class PostgresReplayExchange implements ReplayExchange {
  readonly #client: PostgresClient;
  readonly #statements: ReturnType<typeof statementsOf>;
  readonly #channel: string;
  readonly #notifies: boolean;
  readonly subscribe?: (onWake: () => void) => Promise<AsyncDisposable>;

  constructor(
    client: PostgresClient,
    { names, notifies }: { readonly names: PostgresNames; readonly notifies: boolean },
  ) {
    this.#client = client;
    this.#statements = statementsOf(names);
    this.#channel = `${names.channel}_replay`.slice(-63);
    this.#notifies = notifies;
    const { listen } = client;
    if (notifies && listen !== undefined) {
      this.subscribe = (onWake) => listen.call(client, this.#channel, onWake);
    }
  }

  async beat(node: string, leaseMs: number): Promise<void> {
    await this.#run(this.#statements.beat, node, String(leaseMs));
    await this.#run(this.#statements.reap);
  }

  async leave(node: string): Promise<void> {
    await this.#run(this.#statements.leave, node);
  }

  async register(run: string, { owner, node }: RunPlace): Promise<boolean> {
    const { register } = this.#statements;
    const rows = await this.#run(register, textOf(run), textOf(owner), node);
    return rows.length > 0;
  }

  async forget(run: string): Promise<void> {
    await this.#run(this.#statements.forget, textOf(run));
  }

  async find(run: string): Promise<RunPlace | undefined> {
    const [row] = await this.#run(this.#statements.find, textOf(run));
    return row && { owner: JSON.parse(String(row.owner)), node: String(row.node) };
  }

  async ask(ask: ReplayAsk): Promise<void> {
    const { link, node, from, wanted } = ask;
    try {
      await this.#run(
        this.#statements.ask,
        link,
        node,
        from,
        JSON.stringify(ask),
        String(wanted - 1),
      );
    } catch (error) {
      // The node is gone: there will be no answer, which is what the reader is told.
      if (sqlStateOf(error) !== FOREIGN_KEY_VIOLATION) throw error;
    }
  }

  async asksOf(node: string): Promise<readonly ReplayAsk[]> {
    const rows = await this.#run(this.#statements.asks, node);
    return rows.map(({ ask }) => JSON.parse(String(ask)));
  }

  async answer(link: string, number: number, text: string): Promise<void> {
    await this.#run(this.#statements.answer, link, String(number), text);
  }

  async answerOf({ link }: ReplayAsk, number: number): Promise<string | null | undefined> {
    const [row] = await this.#run(this.#statements.answerOf, link, String(number));
    if (row === undefined) return null;
    return row.body === null ? undefined : String(row.body);
  }

  async close({ link }: ReplayAsk): Promise<void> {
    await this.#run(this.#statements.close, link);
  }

  wake(): void {
    if (!this.#notifies) return;
    // A hint: whoever misses it looks again after a while.
    this.#run("select pg_notify($1::text, '')", this.#channel).catch(() => {});
  }

  #run(text: string, ...parameters: PostgresParameter[]): Promise<readonly PostgresRow[]> {
    return this.#client.query(text, parameters);
  }
}

/** Any text as Postgres can keep it. */
function textOf(text: string): string {
  return JSON.stringify(text);
}

function statementsOf({ table }: PostgresNames) {
  const [node, run, link, answer] = ["node", "run", "link", "answer"]
    .map((name) => table(`replay_${name}`));
  return {
    beat: `insert into ${node} (node, until)
values ($1::text, clock_timestamp() + $2::text::double precision * interval '1 ms')
on conflict (node) do update set until = excluded.until`,
    leave: `delete from ${node} where node = $1::text`,
    reap: `delete from ${node} where until < clock_timestamp()`,
    register: `insert into ${run} (run, owner, node) values ($1::text, $2::text, $3::text)
on conflict (run) do nothing returning 1 as is_new`,
    forget: `delete from ${run} where run = $1::text`,
    find: `select r.owner, r.node from ${run} r join ${node} n using (node)
where r.run = $1::text and n.until >= clock_timestamp()`,
    ask: `with consumed as (
  delete from ${answer} where link = $1::text and number < $5::text::integer
)
insert into ${link} (link, node, origin, ask) values ($1::text, $2::text, $3::text, $4::text)
on conflict (link) do update set ask = excluded.ask`,
    asks: `select l.ask from ${link} l join ${node} o on o.node = l.origin
where l.node = $1::text and o.until >= clock_timestamp()`,
    answer: `insert into ${answer} (link, number, body)
select link, $2::text::integer, $3::text from ${link} where link = $1::text for key share
on conflict (link, number) do nothing`,
    answerOf: `select a.body from ${link} l join ${node} n using (node)
left join ${answer} a on a.link = l.link and a.number = $2::text::integer
where l.link = $1::text and (n.until >= clock_timestamp() or a.body is not null)`,
    close: `delete from ${link} where link = $1::text`,
  };
}
