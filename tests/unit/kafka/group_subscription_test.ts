import { ManualClock } from "@sluice/cqrs/testing";
import assert from "node:assert/strict";
import type { Delivery, Subscription } from "../../../src/broker/mod.ts";
import type {
  GroupMember,
  GroupMemberListener,
  TopicOffset,
} from "../../../src/kafka/group_member.ts";
import { groupSource, type KafkaReadOptions } from "../../../src/kafka/group_source.ts";

/** A member that does what the test says. */
class TestMember implements GroupMember {
  listener: GroupMemberListener | undefined;
  readonly told: string[] = [];
  readonly commits: TopicOffset[] = [];

  start(listener: GroupMemberListener): Promise<void> {
    this.listener = listener;
    return Promise.resolve();
  }
  hold({ partition }: { partition: number }): void {
    this.told.push(`hold ${partition}`);
  }
  resume({ partition }: { partition: number }): void {
    this.told.push(`resume ${partition}`);
  }
  commit(offsets: readonly TopicOffset[]): Promise<void> {
    this.commits.push(...offsets);
    return Promise.resolve();
  }
  close(): Promise<void> {
    this.told.push("close");
    return Promise.resolve();
  }
  isPassing(error: unknown): boolean {
    return error instanceof Error && error.message === "passing";
  }
  assign(partitions: readonly number[], isKept = false) {
    return this.listener?.assigned(
      partitions.map((partition) => ({ topic: "topic", partition })),
      isKept,
    );
  }
  receive(partition: number, offsets: readonly number[]): void {
    const records = offsets.map((offset) => ({
      offset: BigInt(offset),
      key: null,
      value: new Uint8Array(10),
      headers: [],
      timestampMs: 0,
    }));
    const next = BigInt((offsets.at(-1) ?? -1) + 1);
    this.listener?.received({ topic: "topic", partition }, records, next);
  }
}

function begin(options: Partial<KafkaReadOptions> = {}, maxUnsettled = 10) {
  const members: TestMember[] = [];
  const clock = new ManualClock();
  const source = groupSource({ groupId: "group", clock, commitIntervalMs: 0, ...options }, () => {
    const member = new TestMember();
    members.push(member);
    return member;
  });
  const subscription = source.subscribe({ topics: ["topic"], maxUnsettled });
  const [member] = members;
  assert.ok(member);
  return { clock, members, member, source, subscription };
}

async function next(subscription: Subscription): Promise<Delivery> {
  const { value } = await subscription[Symbol.asyncIterator]().next();
  return value;
}

Deno.test("groupSource() refuses options that make no sense", () => {
  const make = (options: Partial<KafkaReadOptions>) => () =>
    groupSource({ groupId: "group", ...options }, () => new TestMember());
  assert.throws(make({ groupId: "" }), TypeError);
  assert.throws(make({ maxWaitMs: 0 }), RangeError);
  assert.throws(make({ maxWaitingBytes: NaN }), RangeError);
  assert.throws(make({ sessionTimeoutMs: 0 }), RangeError);
  assert.throws(make({ commitIntervalMs: -1 }), RangeError);
});

Deno.test("GroupSubscription holds a partition while much of it waits, and resumes it", async () => {
  const { member, source, subscription } = begin({ maxWaitingBytes: 40 });
  member.assign([0]);
  member.receive(0, [0, 1, 2, 3]);
  assert.deepEqual(member.told, ["hold 0"]);
  await next(subscription);
  await next(subscription);
  assert.deepEqual(member.told, ["hold 0"]);
  await next(subscription);
  assert.deepEqual(member.told, ["hold 0", "resume 0"]);
  await source[Symbol.asyncDispose]();
});

Deno.test("GroupSubscription keeps deliveries of partitions that stay, and says where they go on", async () => {
  const { member, source, subscription } = begin();
  member.assign([0, 1]);
  member.receive(0, [5, 6]);
  member.receive(1, [7]);
  const deliveries = [await next(subscription), await next(subscription)];
  const places = member.assign([0], true);
  assert.deepEqual(places, [{ topic: "topic", partition: 0, offset: 7n }]);
  const aborted = new Map(deliveries.map(({ position, signal }) => [position, signal.aborted]));
  assert.deepEqual(aborted, new Map([["topic/0/5", false], ["topic/1/7", true]]));
  await source[Symbol.asyncDispose]();
});

Deno.test("GroupSubscription loses everything if others may have read meanwhile", async () => {
  const { member, source, subscription } = begin();
  member.assign([0]);
  member.receive(0, [5]);
  const delivery = await next(subscription);
  assert.deepEqual(member.assign([0], false), []);
  assert.equal(delivery.signal.aborted, true);
  await delivery.ack();
  assert.deepEqual(member.commits, []);
  await source[Symbol.asyncDispose]();
});

Deno.test("GroupSubscription notes what was acknowledged before it leaves", async () => {
  const { member, source, subscription } = begin({ commitIntervalMs: 1_000 });
  member.assign([0]);
  member.receive(0, [5, 6, 7]);
  for (let n = 0; n < 2; n++) await (await next(subscription)).ack();
  await source[Symbol.asyncDispose]();
  assert.deepEqual(member.commits.at(-1), { topic: "topic", partition: 0, offset: 7n });
  assert.deepEqual(member.told, ["close"]);
});

Deno.test("GroupSubscription has another member when one fails, after a pause", async () => {
  const errors: unknown[] = [];
  const { clock, member, members, source, subscription } = begin({
    onError: (error) => errors.push(error),
  });
  member.assign([0]);
  member.receive(0, [5]);
  const delivery = await next(subscription);
  member.listener?.failed(new Error("passing"));
  while (errors.length === 0) await Promise.resolve();
  assert.equal(delivery.signal.aborted, true);
  assert.deepEqual(member.told, ["close"]);
  await clock.advance(200);
  assert.equal(members.length, 2);
  members[1]?.assign([0]);
  members[1]?.receive(0, [5]);
  assert.equal((await next(subscription)).position, "topic/0/5");
  await source[Symbol.asyncDispose]();
});

Deno.test("GroupSubscription throws what no other member would recover from", async () => {
  const { member, source, subscription } = begin();
  const waiting = next(subscription);
  member.listener?.failed(new Error("wrong password"));
  await assert.rejects(waiting, /wrong password/);
  await assert.rejects(subscription.ready, /wrong password/);
  await source[Symbol.asyncDispose]();
});
