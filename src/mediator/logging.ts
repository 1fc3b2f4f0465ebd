import type { Clock } from "../clock.ts";
import type { MiddlewareContext } from "./context.ts";
import type { MiddlewareFunction } from "./middleware.ts";

/** The levels that {@linkcode logging} uses. */
export type LogLevel = "debug" | "info" | "warning" | "error";

/**
 * The logger that {@linkcode logging} writes to. LogTape's `Logger` is one as it
 * is; for others a few lines adapt.
 */
export interface Logger {
  /** Writes a record of level debug. */
  debug(message: string, properties: Record<string, unknown>): void;
  /** Writes a record of level info. */
  info(message: string, properties: Record<string, unknown>): void;
  /** Writes a record of level warning. */
  warning(message: string, properties: Record<string, unknown>): void;
  /** Writes a record of level error. */
  error(message: string, properties: Record<string, unknown>): void;
  /** Whether records of a level go anywhere; without it, all do. */
  isEnabledFor?(level: LogLevel): boolean;
}

/** What {@linkcode logging} writes. */
export interface LoggingOptions {
  /** The level of a message that was handled. @default {"debug"} */
  readonly level?: LogLevel;
  /** The level of a message whose handler failed. @default {"error"} */
  readonly failureLevel?: LogLevel;
  /**
   * Adds properties to a record. The data of messages is not logged by itself,
   * because it may be personal or secret.
   *
   * @default nothing
   */
  readonly properties?: (context: MiddlewareContext) => Record<string, unknown>;
  /** Measures how long handling took. @default `performance.now()`, which is finer than any clock */
  readonly clock?: Clock;
}

/**
 * Creates a middleware that logs how each message was handled and how long
 * that took. A record is made only if its level is enabled; when neither is,
 * nothing is computed at all.
 */
export function logging(
  logger: Logger,
  { level = "debug", failureLevel = "error", properties, clock }: LoggingOptions = {},
): MiddlewareFunction<object> {
  const now = clock === undefined ? () => performance.now() : () => clock.now();
  const isEnabled = (level: LogLevel) => logger.isEnabledFor?.(level) ?? true;

  function write(level: LogLevel, text: string, context: MiddlewareContext, more: object): void {
    if (!isEnabled(level)) return;
    const { message: { kind, type }, id } = context;
    logger[level](text, { kind, type, id, ...properties?.(context), ...more });
  }

  async function logged(
    context: MiddlewareContext,
    next: () => Promise<unknown>,
  ): Promise<unknown> {
    const startedMs = now();
    let result: unknown;
    try {
      result = await next();
    } catch (error) {
      const durationMs = now() - startedMs;
      write(failureLevel, "Failed to handle {type} after {durationMs} ms", context, {
        durationMs,
        error,
      });
      throw error;
    }
    const durationMs = now() - startedMs;
    write(level, "Handled {type} in {durationMs} ms", context, { durationMs });
    return result;
  }

  return (context, next) =>
    isEnabled(level) || isEnabled(failureLevel) ? logged(context, next) : next();
}
