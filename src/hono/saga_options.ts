import type { Context } from "hono";

/**
 * How a route starts sagas; other routes do not look at it.
 *
 * @typeParam D What the sagas are started with.
 */
export interface SagaRouteOptions<in D = unknown> {
  /**
   * Identifies the saga that a request starts, from 1 to 255 characters. There is one saga for each id: a
   * second request with the same id starts nothing and follows the first, if it comes from who has started
   * that; anyone else gets 409 (`saga_id`). Ids that can be guessed need a `principal`.
   *
   * @default made of the header `Idempotency-Key`, where there is one, the path and the principal, so that the
   * same request can be sent again; a random one where there is none
   */
  readonly sagaId?: ((c: Context, data: D) => string | Promise<string>) | undefined;
  /**
   * Tells who a client is, so that a saga can be followed only by who started it: for all others there is no
   * such saga. It is asked each time. `undefined` is nobody in particular.
   *
   * @default nobody in particular: whoever knows a saga's id may follow it
   */
  readonly principal?:
    | ((c: Context) => string | undefined | Promise<string | undefined>)
    | undefined;
}
