import { z } from 'zod';
import { NAMED_SHAPES } from './shapes.ts';

export type JsonSchema = z.core.JSONSchema.BaseSchema;

export interface JsonSchemas {
  /** The named ones among them and below them, by their names. */
  readonly schemas: Readonly<Record<string, JsonSchema>>;
  /** One of those that were given. */
  of(schema: z.ZodType): JsonSchema;
}

const DEFS = '#/$defs/';
const COMPONENTS = '#/components/schemas/';

/**
 * Zod schemas as JSON Schema 2020-12, the dialect of OpenAPI 3.1, with the named shapes as references.
 * They describe what may be sent: members with a default may be missing, and only strict objects
 * forbid what they do not know, so an answer may gain members without breaking those who check it.
 */
export function jsonSchemas(wanted: readonly z.ZodType[]): JsonSchemas {
  const shapes = [...new Set(wanted)];
  // All in one go, as members of one object, so that what they share is found.
  const all = z.object(Object.fromEntries(shapes.map((shape, index) => [String(index), shape])));
  const converted = z.toJSONSchema(all, { io: 'input', metadata: registry(), override: tidy });
  const { properties = {}, $defs = {} } = withReferences(converted);
  return {
    schemas: $defs,
    of: (shape) => {
      const schema = properties[String(shapes.indexOf(shape))];
      if (schema === undefined || typeof schema === 'boolean') {
        throw new RangeError('a schema that was not given is asked for');
      }
      return schema;
    },
  };
}

function registry() {
  const named = z.registry<{ id: string; description: string }>();
  for (const [schema, id, description] of NAMED_SHAPES) named.add(schema, { id, description });
  return named;
}

/** What Zod adds for checkers that know no formats and no integers, and what would be wrong. */
function tidy({ zodSchema, jsonSchema }: { zodSchema: z.core.$ZodTypes; jsonSchema: JsonSchema }) {
  // JSON Schema cannot say "in any case": better no pattern than one that refuses what is taken.
  if (jsonSchema.format !== undefined || ignoresCase(zodSchema)) delete jsonSchema.pattern;
  if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
  if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
  // In OpenAPI it means what only the server sets; Zod means that TypeScript may not write it.
  delete jsonSchema.readOnly;
  // What `describe` and `meta` say of a schema wins over what was made of it.
  Object.assign(jsonSchema, z.globalRegistry.get(zodSchema));
}

function ignoresCase({ _zod: { def } }: z.core.$ZodTypes): boolean {
  if ('innerType' in def) return ignoresCase(def.innerType as z.core.$ZodTypes);
  const checks = (def.checks ?? []).map((check) => check._zod.def);
  return checks.some(
    (check) => 'pattern' in check && check.pattern instanceof RegExp && check.pattern.ignoreCase,
  );
}

function withReferences(schema: JsonSchema): JsonSchema {
  return JSON.parse(JSON.stringify(schema), (key, value) =>
    key === '$ref' && typeof value === 'string' ? value.replace(DEFS, COMPONENTS) : value,
  );
}
