import { SchemaVersionError } from "../mod.ts";
import type { KvDatabase } from "./kv_database.ts";

/** The version of the layout that this library writes; see `keys.ts`. */
const VERSION = 1;

/** The oldest version of the library that can work on that layout. */
const NEEDS = 1;

/**
 * Writes down the version of the layout, unless it is there.
 *
 * @throws {SchemaVersionError} If the layout is a newer one that this library does not understand.
 */
export async function prepare(database: KvDatabase): Promise<void> {
  const { kv, keys } = database;
  for (;;) {
    const { value, versionstamp } = await kv.get(keys.schema);
    if (versionstamp !== null) {
      const { version, needs } = Object(value);
      if (!(needs <= VERSION)) throw new SchemaVersionError(Number(version), VERSION);
      if (version >= VERSION) return;
    }
    const operation = kv.atomic()
      .check({ key: keys.schema, versionstamp })
      .set(keys.schema, { version: VERSION, needs: NEEDS });
    if (await database.commit(operation) !== undefined) return;
  }
}
