import assert from "node:assert/strict";
import {
  bootstrap,
  command,
  domainEvent,
  handlers,
  logging,
  memoryBroker,
  notification,
  query,
  streamRequest,
  type,
} from "../../../mod.ts";
import { gauge, recorder, settled } from "../mediator/support.ts";
import { Greeting, Handler, Pool, unitOf, workshops } from "./containers.ts";

const Do = command("thing.do").returns<string>();
const Ask = query("thing.ask").returns<string>();
const List = streamRequest("thing.list").yields<number>();
const Done = domainEvent("thing.done");
const Told = notification("thing.told", { topic: "things", data: type<string>() });

for (const [name, open] of Object.entries(workshops)) {
  Deno.test(`bootstrap() with ${name} handles every kind of message with its services`, async () => {
    const { services, log } = open();
    const app = bootstrap(
      handlers()
        .on(Do, Handler)
        .on(Ask, (_data, { resolve }) => resolve(Greeting))
        .on(List, async function* (_data, context) {
          yield await unitOf(context);
        })
        .on(
          Done,
          async (_data, { resolve }) => void log.push(`open: ${(await resolve(Pool)).isOpen}`),
        )
        .on(Told, async (text, { resolve }) => void log.push(`${await resolve(Greeting)} ${text}`)),
      { container: services },
    );
    assert.equal(await app.send(Do()), "unit 1, session in 1, 1.1 dollars");
    assert.equal(await app.send(Ask()), "hello");
    assert.deepEqual(await Array.fromAsync(app.stream(List())), [2]);
    log.length = 0;
    await app.dispatch(Done());
    await app.dispatch(Told("world"));
    assert.deepEqual(log, ["open: true", "hello world"]);
  });

  Deno.test(`bootstrap() with ${name} passes on broker, observer, limit, start-up functions and middlewares`, async () => {
    const { services } = open();
    const broker = memoryBroker();
    const { observer, log } = recorder();
    const running = gauge();
    const steps: string[] = [];
    const logged = (_text: string, { type }: Record<string, unknown>) =>
      void steps.push(`${type} logged`);
    const middleware = logging({ debug: logged, info: logged, warning: logged, error: logged });
    const work = () => running.run(settled);
    const app = bootstrap(
      handlers()
        .use(middleware)
        .on(Do, async (_data, { emit, resolve }) => {
          steps.push("handling");
          emit(Done());
          emit(Told(await resolve(Greeting)));
          return "done";
        })
        .on(Done, () => work(), () => work(), () => work()),
      {
        container: services,
        broker,
        observer,
        eventHandling: { concurrency: 2 },
        onStartup: [() => void steps.push("started")],
        middlewares: [middleware],
      },
    );
    assert.equal(await app.send(Do()), "done");
    assert.deepEqual(steps, [
      "started",
      "handling",
      "thing.do logged",
      "thing.done logged",
      "thing.done logged",
      "thing.done logged",
    ]);
    assert.equal(running.most, 2);
    assert.deepEqual(broker.messages("things").map(({ type }) => type), ["thing.told"]);
    assert.ok(log().includes("published thing.told"));
  });
}
