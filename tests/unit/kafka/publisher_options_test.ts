import assert from "node:assert/strict";
import { checkPublishOptions } from "../../../src/kafka/publisher_options.ts";

Deno.test("checkPublishOptions() refuses a size that makes no sense", () => {
  for (const maxRequestBytes of [0, -1, NaN]) {
    assert.throws(() => checkPublishOptions({ maxRequestBytes }), RangeError);
  }
});
