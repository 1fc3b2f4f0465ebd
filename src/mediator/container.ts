/**
 * Names a service whose type is no class.
 *
 * @typeParam T The type of the service.
 */
export interface ServiceToken<T> {
  /** Describes the service in errors. */
  readonly description: string;
  /** Carries the type of the service; never present at run time. */
  readonly provides?: (() => T) | undefined;
}

/** What a service is asked for by: its class, or a token that stands for it. */
export type Token<T> = (abstract new (...args: never[]) => T) | ServiceToken<T>;

/**
 * Creates a token for a service that is no class instance.
 *
 * @param description Describes the service in errors.
 */
export function token<T>(description: string): ServiceToken<T> {
  return { description };
}

/** The name under which errors mention a token. */
export function describeToken(token: Token<unknown>): string {
  return typeof token === "function" ? token.name || "anonymous class" : token.description;
}

/**
 * Builds the services and handler classes of an application: the port that
 * dependency injection containers are adapted to.
 */
export interface Container {
  /** Gives the service that `token` stands for; throws or rejects when there is none. */
  resolve<T>(token: Token<T>): T | Promise<T>;
  /**
   * Tells whether {@linkcode Container.resolve} knows the token, without
   * building anything. With it `bootstrap` refuses handler classes that the
   * container does not know.
   */
  has?(token: Token<unknown>): boolean;
  /** Opens a scope: services that live as long as one call or one handler. */
  createScope?(): Scope | Promise<Scope>;
}

/** A container whose services end when it is disposed, the newest first. */
export interface Scope extends Container, AsyncDisposable {}

/**
 * How long scoped services live.
 *
 * - `"none"`: the container is asked directly, no scope is opened.
 * - `"send"`: one scope for a call with its middlewares, handlers, events and nested sends.
 * - `"handler"`: one scope for each run of a handler; a fallback or another attempt gets a new one, after that of
 *   the run before it has been disposed, and a further link of a chain gets its own while that of the link before
 *   it is open.
 */
export type ScopeStrategy = "none" | "send" | "handler";
