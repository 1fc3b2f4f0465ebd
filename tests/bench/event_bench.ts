// deno-lint-ignore-file require-await -- what is measured are asynchronous handlers
import { bootstrap, command, domainEvent, handlers, type } from "@sluice/cqrs";

const Join = command("join", type<{ userId: string }>()).returns<string>();
const Joined = domainEvent("joined", type<{ userId: string }>());
const Counted = domainEvent("counted", type<{ userId: string }>());

const seen = { welcome: 0, index: 0, total: 0, audit: 0 };

async function welcome(_event: { userId: string }): Promise<void> {
  seen.welcome++;
}
async function index(_event: { userId: string }): Promise<void> {
  seen.index++;
}
async function total(_event: { userId: string }): Promise<void> {
  seen.total++;
}
async function audit(_event: { userId: string }): Promise<void> {
  seen.audit++;
}
async function join({ userId }: { userId: string }): Promise<string> {
  return userId;
}

const data = { userId: "u1" };
const request = Join(data);
const app = bootstrap(
  handlers()
    .on(Join, async ({ userId }, { emit }) => {
      emit(Joined({ userId }), Counted({ userId }));
      return userId;
    })
    .on(Joined, welcome, index)
    .on(Counted, total, audit),
);

Deno.bench({
  name: "the handler, then the 4 event handlers together, by hand",
  group: "send, with 2 events and 2 handlers each",
  baseline: true,
  fn: async () => {
    await join(data);
    await Promise.all([welcome(data), index(data), total(data), audit(data)]);
  },
});

Deno.bench({
  name: "app.send(request)",
  group: "send, with 2 events and 2 handlers each",
  fn: async () => {
    await app.send(request);
  },
});
