import type { AnyMessage, MessageMetadata } from "../message/mod.ts";
import type { SagaRun } from "./saga_run.ts";

/** What middlewares see of a step. Its metadata is made when it is asked for. */
export class StepMessage implements AnyMessage {
  readonly kind = "step";
  readonly type: string;
  readonly data: unknown;
  readonly #id: string;
  readonly #run: SagaRun;
  #metadata: MessageMetadata | undefined;

  constructor(type: string, id: string, run: SagaRun) {
    this.type = type;
    this.data = run.context.copy();
    this.#id = id;
    this.#run = run;
  }

  get metadata(): MessageMetadata {
    if (this.#metadata === undefined) {
      const { metadata: { correlationId, traceparent, headers }, id, parts } = this.#run;
      const time = new Date(parts.host.clock.now());
      this.#metadata = {
        id: this.#id,
        time,
        correlationId,
        causationId: id,
        traceparent,
        headers,
      };
    }
    return this.#metadata;
  }
}
