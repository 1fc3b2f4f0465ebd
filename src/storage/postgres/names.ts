/** Where the tables of a storage are. */
export interface PostgresNamesOptions {
  /** The schema that its tables are in. @default whichever the connection's `search_path` finds */
  readonly schema?: string | undefined;
  /** What the names of its tables begin with: at most 24 letters, digits and underscores. @default {"sluice_"} */
  readonly prefix?: string | undefined;
}

/** The names of what a storage has in its database, ready to be put into statements. */
export interface PostgresNames {
  /** The schema as it was given. */
  readonly schema: string | undefined;
  /** The quoted schema. */
  readonly quotedSchema: string | undefined;
  /** The channel of its notifications. */
  readonly channel: string;
  /** The quoted name of a table, with its schema. */
  table(name: string): string;
  /** The name of a table as it is, without its schema. */
  tableName(name: string): string;
  /** The quoted name of an index, which stands in the schema of its table. */
  index(name: string): string;
}

/** What Postgres cuts names to, silently. */
const MAX_NAME_BYTES = 63;

/**
 * Makes the names.
 *
 * @throws {TypeError} If the schema or the prefix cannot stand in names.
 */
export function postgresNames(
  { schema, prefix = "sluice_" }: PostgresNamesOptions = {},
): PostgresNames {
  if (!/^\w{0,24}$/.test(prefix)) {
    throw new TypeError(
      `Cannot name tables: prefix must be at most 24 letters, digits and underscores, got "${prefix}"`,
    );
  }
  if (schema !== undefined && !isName(schema)) {
    throw new TypeError(
      `Cannot name tables: schema must be a name of 1 to ${MAX_NAME_BYTES} bytes, got "${schema}"`,
    );
  }
  const quotedSchema = schema && quoted(schema);
  const qualifier = quotedSchema === undefined ? "" : `${quotedSchema}.`;
  return {
    schema,
    quotedSchema,
    channel: channelOf(`${prefix}outbox`, schema),
    table: (name) => qualifier + quoted(prefix + name),
    tableName: (name) => prefix + name,
    index: (name) => quoted(prefix + name),
  };
}

function isName(name: string): boolean {
  const bytes = new TextEncoder().encode(name).length;
  return bytes > 0 && bytes <= MAX_NAME_BYTES && !name.includes("\0");
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Storages in other schemas have other channels, as far as a name has room; to share one does no harm. */
function channelOf(name: string, schema: string | undefined): string {
  if (schema === undefined) return name;
  const bytes = new TextEncoder().encode(`${name}_${schema}`).subarray(0, MAX_NAME_BYTES);
  return new TextDecoder().decode(bytes).replace(/\ufffd+$/, "");
}
