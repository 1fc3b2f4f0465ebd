import { memoryBroker } from "@sluice/cqrs";
import { memorySource } from "../../src/broker/memory_source.ts";
import type { Source } from "../../src/broker/source.ts";
import { testBroker } from "./broker_runner.ts";

testBroker("memoryBroker()", {
  refuses: false,
  leftOut: {
    "subscribe() gives a message that cannot be read, with its bytes and the reason":
      "it carries envelopes as they are",
  },
  harness() {
    const broker = memoryBroker();
    const sources = new Map<string, Source>();
    let topics = 0;
    return {
      publisher: broker,
      createTopic: () => Promise.resolve(`topic ${++topics}`),
      source(group) {
        const source = sources.get(group) ?? memorySource(broker);
        sources.set(group, source);
        return source;
      },
      publishRaw: () => Promise.reject(new TypeError("It carries envelopes")),
      async [Symbol.asyncDispose]() {
        for (const source of sources.values()) await source[Symbol.asyncDispose]();
      },
    };
  },
});
