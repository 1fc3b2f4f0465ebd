/**
 * A consumer in a process of its own, for tests that kill it: it does one tick.
 *
 * @module
 */

import { killPoints } from "../outbox/kill_points.ts";
import { effectsConsumer, type EffectsTask } from "./effects.ts";

/** What a test tells the process, as JSON in its first argument. */
export interface ConsumerTask extends EffectsTask {
  /** Dies at the so manieth step, counted from 1. */
  readonly killAt?: number;
}

const task: ConsumerTask = JSON.parse(Deno.args[0] ?? "{}");
const { consumer, close } = effectsConsumer(task, killPoints(task.killAt ?? Infinity));
await consumer.tick({ budgetMs: 60_000, idleMs: 50 });
await close();
Deno.exit();
