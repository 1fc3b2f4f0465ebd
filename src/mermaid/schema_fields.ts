import { nameText } from "./text.ts";

/** A schema that can describe itself, as the Standard JSON Schema specification has it. */
interface SelfDescribing {
  readonly "~standard": {
    readonly jsonSchema: {
      readonly output: (options: { readonly target: string }) => Readonly<Record<string, unknown>>;
    };
  };
}

/**
 * The fields of an object, each with its type, as far as its schema tells them: a schema that follows the
 * Standard JSON Schema specification does, others have none to show.
 */
export function schemaFields(schema: unknown): string[] {
  const { properties, required } = describe(schema);
  if (!isRecord(properties)) return [];
  const needed: readonly unknown[] = Array.isArray(required) ? required : [];
  return Object.entries(properties).map(([name, field]) =>
    `${nameText(name)}: ${typeText(field)}${needed.includes(name) ? "" : ", optional"}`
  );
}

function describe(schema: unknown): Readonly<Record<string, unknown>> {
  if (!isSelfDescribing(schema)) return {};
  try {
    return schema["~standard"].jsonSchema.output({ target: "draft-2020-12" });
  } catch {
    // Not every schema has a form in JSON Schema; a diagram without the fields is still right.
    return {};
  }
}

function typeText(field: unknown): string {
  if (!isRecord(field)) return "any";
  const { type, enum: values, const: value } = field;
  if (typeof type === "string") return nameText(type);
  if (value !== undefined) return nameText(String(value));
  return Array.isArray(values) ? "enum" : "any";
}

function isSelfDescribing(schema: unknown): schema is SelfDescribing {
  const standard = isRecord(schema) ? schema["~standard"] : undefined;
  const json = isRecord(standard) ? standard.jsonSchema : undefined;
  return isRecord(json) && typeof json.output === "function";
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return (typeof value === "object" || typeof value === "function") && value !== null;
}
