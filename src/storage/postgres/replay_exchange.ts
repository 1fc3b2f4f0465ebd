import type { ReplayAnswer, ReplayAsk, ReplayExchange, RunPlace } from "../mod.ts";
import type { PostgresClient, PostgresParameter, PostgresRow } from "./client.ts";
import type { PostgresNames } from "./names.ts";
import { sqlStateOf } from "./sql_state.ts";

/** A row refers to one that is gone: a node that was forgotten. */
const FOREIGN_KEY_VIOLATION = "23503";

/** For how many leases a node may be silent until it is forgotten. */
const SILENT_LEASES = 3;

/** How replay logs talk through Postgres. Times are those of its clock. */
export class PostgresReplayExchange implements ReplayExchange {
  readonly #client: PostgresClient;
  readonly #statements: ReturnType<typeof statementsOf>;
  readonly subscribe?: (node: string, onWake: () => void) => Promise<AsyncDisposable>;

  /** With `notifies`, nodes are woken with `NOTIFY`, each on a channel of its own. */
  constructor(
    client: PostgresClient,
    { names, notifies }: { readonly names: PostgresNames; readonly notifies: boolean },
  ) {
    this.#client = client;
    this.#statements = statementsOf(names, notifies);
    const { listen } = client;
    if (notifies && listen !== undefined) {
      this.subscribe = (node, onWake) => listen.call(client, CHANNEL + node, onWake);
    }
  }

  async beat(node: string, leaseMs: number): Promise<boolean> {
    const [row] = await this.#run(this.#statements.beat, node, String(leaseMs));
    await this.#run(this.#statements.reap, String(SILENT_LEASES * leaseMs));
    return row?.is_new === false;
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

  async ask(ask: ReplayAsk): Promise<boolean> {
    const { link, node, from } = ask;
    try {
      await this.#run(this.#statements.ask, link, node, from, JSON.stringify(ask));
      return true;
    } catch (error) {
      if (sqlStateOf(error) === FOREIGN_KEY_VIOLATION) return false;
      throw error;
    }
  }

  async want(ask: ReplayAsk): Promise<void> {
    const { link, wanted } = ask;
    await this.#run(this.#statements.want, link, String(wanted - 1), JSON.stringify(ask));
  }

  async asksOf(node: string): Promise<readonly ReplayAsk[]> {
    const rows = await this.#run(this.#statements.asks, node);
    return rows.map(({ ask }) => JSON.parse(String(ask)));
  }

  async answer({ link }: ReplayAsk, number: number, text: string): Promise<void> {
    await this.#run(this.#statements.answer, link, String(number), text);
  }

  async answerOf({ link }: ReplayAsk, number: number): Promise<ReplayAnswer> {
    const [row] = await this.#run(this.#statements.answerOf, link, String(number));
    if (row === undefined) return { state: "lost" };
    if (row.body !== null) return { state: "here", text: String(row.body) };
    return { state: row.lives === true ? "none" : "silent" };
  }

  async close({ link }: ReplayAsk): Promise<void> {
    await this.#run(this.#statements.close, link);
  }

  #run(text: string, ...parameters: PostgresParameter[]): Promise<readonly PostgresRow[]> {
    return this.#client.query(text, parameters);
  }
}

/** What the name of a node's channel begins with; behind it stands the node, which has no other like it. */
const CHANNEL = "sluice_replay_";

/** Any text as Postgres can keep it. */
function textOf(text: string): string {
  return JSON.stringify(text);
}

function statementsOf(names: PostgresNames, notifies: boolean) {
  return { ...placeStatements(names), ...conversationStatements(names, notifies) };
}

/** Where nodes and runs are. */
function placeStatements({ table }: PostgresNames) {
  const node = table("replay_node");
  const run = table("replay_run");
  return {
    beat: `insert into ${node} (node, until)
values ($1::text, clock_timestamp() + $2::text::double precision * interval '1 ms')
on conflict (node) do update set until = excluded.until returning xmax = 0 as is_new`,
    leave: `delete from ${node} where node = $1::text`,
    reap: `delete from ${node}
where until < clock_timestamp() - $1::text::double precision * interval '1 ms'`,
    register: `insert into ${run} as r (run, owner, node) values ($1::text, $2::text, $3::text)
on conflict (run) do update set owner = excluded.owner where r.node = excluded.node
returning true as is_here`,
    forget: `delete from ${run} where run = $1::text`,
    find: `select owner, node from ${run} where run = $1::text`,
  };
}

/** How they talk. */
function conversationStatements({ table }: PostgresNames, notifies: boolean) {
  const node = table("replay_node");
  const link = table("replay_link");
  const answer = table("replay_answer");
  /** What a statement gives back for each of its rows, when it has woken the node of that column. */
  const wake = (column: string) =>
    notifies ? `pg_notify('${CHANNEL}' || ${column}, '')::text as woken` : "true as woken";
  return {
    ask: `insert into ${link} (link, node, origin, ask)
values ($1::text, $2::text, $3::text, $4::text) returning ${wake("node")}`,
    want: `with consumed as (
  delete from ${answer} where link = $1::text and number < $2::text::integer
)
update ${link} set ask = $3::text where link = $1::text returning ${wake("node")}`,
    asks: `select l.ask from ${link} l join ${node} o on o.node = l.origin
where l.node = $1::text and o.until >= clock_timestamp()`,
    answer: `with asked as (
  select link, origin from ${link} where link = $1::text for key share
), answered as (
  insert into ${answer} (link, number, body)
  select link, $2::text::integer, $3::text from asked
  on conflict (link, number) do nothing
)
select ${wake("origin")} from asked`,
    answerOf: `select a.body, n.until >= clock_timestamp() as lives
from ${link} l join ${node} n using (node)
left join ${answer} a on a.link = l.link and a.number = $2::text::integer
where l.link = $1::text`,
    close: `delete from ${link} where link = $1::text returning ${wake("node")}`,
  };
}
