import { SluiceError } from "../errors.ts";
import { type Message, type ResultOf, withData } from "../message/mod.ts";
import type { Frame } from "./frame.ts";
import type { CompositeHandler } from "./composite.ts";
import { type Invoke, runFrame, runPart } from "./run_frame.ts";
import type { Handler, HandlerClass, HandlerFunction, HandlerObject } from "./handler.ts";

/** The messages that a chain may handle: all but streams. */
export type ChainMessage = Message<"command" | "query" | "event" | "notification">;

/** What a link of a chain receives: the context, and the way to the next link. */
export type LinkContext<M extends ChainMessage, C> = C & {
  /**
   * Hands the message to the next link and gives its result. What it emitted
   * counts like the link's own.
   *
   * @param data Takes the place of the data for the links that follow.
   * @throws {ChainExhaustedError} If there is no further link.
   */
  readonly next: (data?: M["data"]) => Promise<ResultOf<M>>;
};

/** A link of a chain: it answers, or it calls `next`. */
export type Link<M extends ChainMessage, C> =
  | HandlerFunction<M, LinkContext<M, C>>
  | HandlerObject<M, LinkContext<M, C>>
  | HandlerClass<M, LinkContext<M, C>>;

/** A chain of responsibility, as {@linkcode chain} describes it. */
export interface ChainHandler<M extends ChainMessage, C> extends CompositeHandler<M, C> {
  /** Tells this composite from the others. */
  readonly composite: "chain";
  /** The links in their order. */
  readonly links: readonly Link<M, C>[];
  /** Answers when the last link calls `next`. */
  readonly defaultHandler: Handler<M, C> | undefined;
}

/** The end of a chain that declares a default. */
export interface ChainDefault<M extends ChainMessage, C> {
  /** Answers when the last link calls `next`. */
  readonly otherwise: Handler<M, C>;
}

/** Every link of a chain passed the message on, and the chain has no default. */
export class ChainExhaustedError extends SluiceError {
  /** {@inheritDoc SluiceError.name} */
  override readonly name = "ChainExhaustedError";
  /** {@inheritDoc SluiceError.code} */
  override readonly code = "chain_exhausted";
  /** The type of the message that nobody answered. */
  readonly messageType: string;

  /** Creates the error for a message of type `messageType`. */
  constructor(messageType: string, options?: ErrorOptions) {
    super(`Cannot answer "${messageType}" as every link of its chain passed it on`, options);
    this.messageType = messageType;
  }
}

/**
 * Makes a chain of responsibility: the first link gets the message and either
 * answers it or calls `next()`. Links after the one that answers are neither
 * run nor built. The events of every link that succeeded count, in the order in
 * which they were emitted.
 *
 * Written outside of `on`, it has to be told its types:
 * `chain<MessageOf<typeof Definition>, Context>(…)`.
 *
 * @param links The links in their order; the last may be `{ otherwise }`, which answers when no link does.
 * @throws {TypeError} If there is no link.
 *
 * @example Three ways to pay
 * ```ts
 * import { bootstrap, chain, command, handlers, type } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const Pay = command("pay", type<{ by: string }>()).returns<string>();
 * const app = bootstrap(
 *   handlers().on(
 *     Pay,
 *     chain(
 *       ({ by }, { next }) => by === "card" ? "paid by card" : next(),
 *       ({ by }, { next }) => by === "transfer" ? "paid by transfer" : next(),
 *       { otherwise: () => "pay later" },
 *     ),
 *   ),
 * );
 * assert.equal(await app.send(Pay({ by: "transfer" })), "paid by transfer");
 * assert.equal(await app.send(Pay({ by: "shells" })), "pay later");
 * ```
 */
export function chain<M extends ChainMessage, C>(
  ...links: readonly [...Link<M, NoInfer<C>>[], Link<M, NoInfer<C>> | ChainDefault<M, NoInfer<C>>]
): ChainHandler<M, C> {
  const last = links.at(-1);
  const defaultHandler = isDefault(last) ? last.otherwise : undefined;
  const answering = links.filter((link): link is Link<M, C> => !isDefault(link));
  if (answering.length === 0) throw new TypeError("Cannot make a chain without links");
  if (links.length - answering.length > (defaultHandler === undefined ? 0 : 1)) {
    throw new TypeError("Cannot make a chain whose default is not at its end");
  }
  return { composite: "chain", links: answering, defaultHandler };
}

function isDefault<M extends ChainMessage, C>(
  link: Link<M, C> | ChainDefault<M, C> | undefined,
): link is ChainDefault<M, C> {
  return typeof link === "object" && "otherwise" in link;
}

/** Makes one handler of the compiled links of a chain and its compiled default. */
export function invokeChain(links: readonly Invoke[], defaultHandler: Invoke | undefined): Invoke {
  function link(index: number): Invoke | undefined {
    const invoke = links[index];
    return invoke && ((frame) => invoke(withNext(frame, index + 1)));
  }

  function withNext(frame: Frame, index: number): Frame {
    const next = (...changed: [data?: unknown]) => {
      const invoke = link(index) ?? defaultHandler;
      if (invoke === undefined) return Promise.reject(new ChainExhaustedError(frame.message.type));
      const overrides = changed.length === 0
        ? undefined
        : { message: withData(frame.message, changed[0]) };
      return runPart(frame, invoke, overrides);
    };
    return frame.add({ next });
  }

  return (frame) => runFrame(frame, link(0) as Invoke);
}
