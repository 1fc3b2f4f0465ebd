import type { CompositeHandler } from "../mediator/mod.ts";
import type { AnySaga } from "../saga/mod.ts";

/** The definition of any saga, as far as diagrams read it. */
export type DiagramSaga = Pick<AnySaga, "type" | "version" | "steps" | "schema">;

/**
 * What diagrams are made of: the definition of a saga, or a handler that is made of others, such as a chain
 * of responsibility.
 */
export type DiagramSource = DiagramSaga | CompositeHandler<never, never>;

/** Tells sagas from handlers. */
export function isSaga(source: DiagramSource): source is DiagramSaga {
  return "steps" in source;
}
