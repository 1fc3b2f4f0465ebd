/** What a schema found wrong with one place of its input. */
export interface SchemaIssue {
  /** The description that the schema gives. */
  readonly message: string;
  /** The way to the place: keys, or objects that hold a key, as the schema library prefers. */
  readonly path?: ReadonlyArray<PropertyKey | { readonly key: PropertyKey }> | undefined;
}

/** What a schema answers: the value it made of its input, or the issues. */
export type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/**
 * Any schema that follows the Standard Schema specification, version 1: zod,
 * valibot, arktype and others, with synchronous or asynchronous validation.
 *
 * @typeParam Input What the schema accepts.
 * @typeParam Output What it makes of it.
 */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** The properties that the specification defines. */
  readonly "~standard": {
    /** The version of the specification. */
    readonly version: 1;
    /** The name of the schema library. */
    readonly vendor: string;
    /** Validates a value. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** The types of the schema; never present at run time. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** Any Standard Schema, as a constraint for type parameters. */
export type AnySchema = StandardSchema<unknown>;

/** What a schema accepts. */
export type InputOf<S extends AnySchema> = NonNullable<
  S["~standard"]["types"]
>["input"];

/** What a schema makes of its input. */
export type OutputOf<S extends AnySchema> = NonNullable<
  S["~standard"]["types"]
>["output"];

/**
 * Describes data by its type alone: a schema that accepts every value. For
 * messages that never come from outside, or that something else has checked.
 *
 * @typeParam T The type of the data.
 *
 * @example A query that no schema guards
 * ```ts
 * import { query, type } from "@sluice/cqrs";
 * import assert from "node:assert/strict";
 *
 * const ReadMeeting = query("meeting.read", type<{ meetingId: string }>()).returns<{ link: string }>();
 * assert.deepEqual(ReadMeeting({ meetingId: "m1" }).data, { meetingId: "m1" });
 * ```
 */
export function type<T>(): StandardSchema<T, T> {
  return {
    "~standard": {
      version: 1,
      vendor: "sluice",
      validate: (value) => ({ value: value as T }),
    },
  };
}

/** What stands in {@linkcode JsonOf} for a type that `JSON.stringify` refuses. */
export interface NotJson<T> {
  /** The type that has no form in JSON. */
  readonly "has no form in JSON": T;
}

/** What JSON leaves out of an object. */
export type LeftOutOfJson = symbol | ((...args: never[]) => unknown);

/** What JSON is made of. */
export type PlainJson =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly PlainJson[]
  | { readonly [key: string]: PlainJson };

/**
 * What `JSON.parse(JSON.stringify(value))` makes of a value of type `T`, as far
 * as types can tell.
 */
export type JsonOf<T> = unknown extends T ? T
  : T extends PlainJson | void ? T // also of types that contain themselves
  : T extends bigint ? NotJson<T>
  : T extends { toJSON(...args: never[]): infer R } ? JsonOf<R>
  : T extends LeftOutOfJson ? undefined
  : T extends ReadonlyMap<unknown, unknown> | ReadonlySet<unknown> ? Record<string, never>
  : T extends readonly unknown[] ? { [P in keyof T]: JsonOf<T[P]> }
  : T extends object ? {
      [P in keyof T as T[P] extends LeftOutOfJson ? never : P extends symbol ? never : P]: JsonOf<
        T[P]
      >;
    }
  : never;
