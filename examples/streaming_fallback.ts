/**
 * A fallback for a stream, whose primary may fail in the middle.
 *
 * What has been delivered cannot be taken back. So by default the secondary answers only as long as
 * nothing was delivered (`beforeFirstItem`); with `restart` it begins anew at any time, and the
 * reader has to bear with items that it has seen.
 *
 * Run it: deno run examples/streaming_fallback.ts
 */

// deno-lint-ignore-file no-console

import {
  bootstrap,
  fallback,
  handlers,
  type ItemOf,
  type ItemStream,
  streamRequest,
  type,
} from "@sluice/cqrs";

interface Article {
  id: string;
  cents: number;
  from: string;
}

/** How many articles the supplier sends before its connection breaks. */
interface Feed {
  breaksAfter: number;
}

const ReadArticles = streamRequest("articles.read", type<Feed>()).yields<Article>();
const SyncArticles = streamRequest("articles.sync", type<Feed>()).yields<Article>();

const prices = [["lamp", 4_990], ["desk", 19_900], ["chair", 8_950]] as const;

async function* supplier({ breaksAfter }: Feed): AsyncGenerator<Article> {
  let sent = 0;
  for (const [id, cents] of prices) {
    if (sent++ === breaksAfter) throw new Error("The connection to the supplier broke");
    yield { id, cents, from: "supplier" };
  }
}

async function* yesterdaysCopy(): AsyncGenerator<Article> {
  for (const [id, cents] of prices) yield { id, cents, from: "copy" };
}

const app = bootstrap(
  handlers()
    .on(ReadArticles, fallback(supplier, yesterdaysCopy))
    .on(SyncArticles, fallback(supplier, yesterdaysCopy, { mode: "restart" })),
  {
    observer: (event) => {
      if (event.type === "fell_back") console.log(`  fell back: ${event.error}`);
    },
  },
);

/** Prints the articles as they come, and keeps the last of each id: a repeated one does no harm. */
async function read(articles: ItemStream<ItemOf<typeof ReadArticles>>): Promise<void> {
  const kept = new Map<string, Article>();
  try {
    for await (const article of articles) {
      console.log(`  ${article.id} from ${article.from}`);
      kept.set(article.id, article);
    }
    console.log(`  complete: ${kept.size} articles`);
  } catch (error) {
    console.log(`  incomplete, ${kept.size} articles: ${error}`);
  }
}

console.log("beforeFirstItem, the supplier answers:");
await read(app.stream(ReadArticles({ breaksAfter: Infinity })));

console.log("beforeFirstItem, the supplier fails at once:");
await read(app.stream(ReadArticles({ breaksAfter: 0 })));

console.log("beforeFirstItem, the supplier fails after two articles:");
await read(app.stream(ReadArticles({ breaksAfter: 2 })));

console.log("restart, the supplier fails after two articles:");
await read(app.stream(SyncArticles({ breaksAfter: 2 })));
