import assert from "node:assert/strict";
import fc from "fast-check";
import {
  bootstrap,
  command,
  domainEvent,
  EventHandlingError,
  handlers,
  memoryBroker,
  notification,
  type,
} from "../../../mod.ts";
import { bodyOf, gauge } from "./support.ts";

/** An event that leads to others. */
interface Tree {
  /** How many turns of the event loop its handler takes. */
  readonly turns: number;
  /** Whether its handler fails, after it has emitted. */
  readonly fails: boolean;
  readonly children: readonly Tree[];
}

interface Numbered {
  readonly id: number;
  readonly level: number;
  readonly turns: number;
  readonly fails: boolean;
  readonly children: readonly Numbered[];
}

const Start = command("start", type<readonly Numbered[]>());
const Grown = domainEvent("grown", type<Numbered>());
const Told = notification("told", { topic: "news", data: type<number>() });

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.record({
    turns: fc.nat({ max: 3 }),
    fails: fc.boolean(),
    children: fc.oneof(
      { maxDepth: 4 },
      fc.constant([]),
      fc.array(tie("tree"), { maxLength: 3 }),
    ),
  }),
}));
const trees = fc.array(tree, { maxLength: 4 });
const concurrency = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(Infinity));

/** Numbers trees as they stand, breadth first. */
function numbered(trees: readonly Tree[]): readonly Numbered[] {
  let id = 0;
  type Open = { -readonly [P in keyof Numbered]: P extends "children" ? Open[] : Numbered[P] };
  const roots: Open[] = [];
  let level: { tree: Tree; siblings: Open[] }[] = trees.map((tree) => ({ tree, siblings: roots }));
  for (let depth = 0; level.length > 0; depth++) {
    level = level.flatMap(({ tree, siblings }) => {
      const { turns, fails, children } = tree;
      const node: Open = { id: id++, level: depth, turns, fails, children: [] };
      siblings.push(node);
      return children.map((child) => ({ tree: child, siblings: node.children }));
    });
  }
  return roots;
}

/** The nodes that are reached when those that fail lead nowhere, breadth first. */
function reached(roots: readonly Numbered[], failing: boolean): Numbered[] {
  const found: Numbered[] = [];
  for (let level = roots; level.length > 0;) {
    found.push(...level);
    level = level.flatMap(({ fails, children }) => failing && fails ? [] : children);
  }
  return found;
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve();
}

Deno.test("any tree of events is dispatched breadth first, each event once, within any limit", async () => {
  await fc.assert(fc.asyncProperty(trees, concurrency, async (trees, concurrency) => {
    const roots = numbered(trees);
    const running = gauge();
    const begun: number[] = [];
    const underWay = new Map<number, number>();
    const app = bootstrap(
      handlers()
        .on(Start, (roots, { emit }) => emit(...roots.map((node) => Grown(node))))
        .on(Grown, (node, { emit }) =>
          running.run(async () => {
            begun.push(node.id);
            for (const [level, count] of underWay) {
              assert.ok(count === 0 || level === node.level, "Two levels at once");
            }
            underWay.set(node.level, (underWay.get(node.level) ?? 0) + 1);
            await turns(node.turns);
            emit(...node.children.map((child) => Grown(child)));
            underWay.set(node.level, (underWay.get(node.level) ?? 0) - 1);
          })),
      { eventHandling: { concurrency, maxDepth: Infinity } },
    );
    await app.send(Start(roots));
    const all = reached(roots, false);
    assert.deepEqual(begun, all.map(({ id }) => id));
    assert.ok(running.most <= concurrency, `${running.most} at once`);
    assert.equal(running.current, 0);
  }));
});

Deno.test("wherever handlers fail, no sibling's events or notifications are lost", async () => {
  await fc.assert(fc.asyncProperty(trees, concurrency, async (trees, concurrency) => {
    const roots = numbered(trees);
    const handled: number[] = [];
    const broker = memoryBroker();
    const app = bootstrap(
      handlers()
        .on(Start, (roots, { emit }) => emit(...roots.map((node) => Grown(node))))
        .on(Grown, async (node, { emit }) => {
          handled.push(node.id);
          emit(...node.children.map((child) => Grown(child)), Told(node.id));
          await turns(node.turns);
          if (node.fails) throw node.id;
        }),
      { broker, eventHandling: { concurrency, maxDepth: Infinity } },
    );
    const error = await app.send(Start(roots)).then(() => undefined, (error: unknown) => error);
    const expected = reached(roots, true);
    assert.deepEqual(handled, expected.map(({ id }) => id));
    const failures = expected.filter(({ fails }) => fails).map(({ id }) => id);
    const errors = error instanceof EventHandlingError ? error.errors : [];
    assert.deepEqual(new Set(errors), new Set(failures));
    assert.equal(errors.length, failures.length);
    const published = expected.filter(({ fails }) => !fails).map(({ id }) => id);
    assert.deepEqual(broker.messages("news").map(bodyOf), published);
  }));
});
