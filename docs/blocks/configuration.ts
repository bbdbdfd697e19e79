import { z } from 'zod';
import { configSchema } from '../../src/config.ts';
import { amount } from './limits.ts';
import { code, table } from './markdown.ts';

/** What is used of JSON Schema, read back through a schema of its own. */
const node = z.object({
  type: z.string().optional(),
  description: z.string().optional(),
  default: z.unknown().optional(),
  const: z.unknown().optional(),
  enum: z.array(z.string()).optional(),
  pattern: z.string().optional(),
  format: z.string().optional(),
  minimum: z.number().optional(),
  maximum: z.number().optional(),
  maxLength: z.number().optional(),
  get properties() {
    return z.record(z.string(), node).optional();
  },
  get propertyNames() {
    return node.optional();
  },
  get additionalProperties() {
    return z.union([z.literal(false), node]).optional();
  },
  get oneOf() {
    return z.array(node).optional();
  },
  required: z.array(z.string()).optional(),
});
type Node = z.output<typeof node>;

const schema = () => node.parse(z.toJSONSchema(configSchema, { io: 'input' }));

/** Every key except the kinds of storage accounts, which have a block of their own. */
export function configurationTable(): string {
  const rows = Object.entries(schema().properties ?? {}).flatMap(([name, group]) =>
    group.properties === undefined
      ? [rowOf(name, group)]
      : Object.entries(group.properties).map(([key, value]) => rowOf(`${name}.${key}`, value)),
  );
  return table(['key', 'value', 'default', 'meaning'], rows);
}

/** A paragraph and a table of keys for each kind of storage account. */
export function storageAccounts(): string {
  const entry = schema().properties?.storageAccounts?.additionalProperties;
  const kinds = entry === undefined || entry === false ? [] : (entry.oneOf ?? []);
  return kinds.map(kindOf).join('\n\n');
}

function kindOf(kind: Node): string {
  const { kind: name, ...keys } = kind.properties ?? {};
  const rows = Object.entries(keys).map(([key, value]) => [
    code(key),
    rangeOf(key, value),
    kind.required?.includes(key) ? 'required' : 'one of the two',
  ]);
  const head = `### \`kind: ${String(name?.const)}\`\n\n${kind.description ?? ''}`;
  return `${head}\n\n${table(['key', 'value', ''], rows)}`;
}

function rowOf(key: string, value: Node): string[] {
  if (value.description === undefined) throw new RangeError(`${key} has no description`);
  return [code(key), rangeOf(key, value), defaultOf(key, value.default), value.description];
}

function defaultOf(key: string, value: unknown): string {
  if (value === undefined) return 'none';
  if (typeof value === 'number') return withUnit(key, value);
  if (typeof value === 'boolean') return code(String(value));
  return typeof value === 'string' ? code(value) : 'empty';
}

function rangeOf(key: string, value: Node): string {
  if (value.enum !== undefined) return value.enum.map(code).join(', ');
  if (value.type === 'boolean') return `${code('true')}, ${code('false')}`;
  if (value.type === 'integer') return numbers(key, value);
  if (value.type === 'object') return mapOf(value.additionalProperties);
  if (value.pattern !== undefined) return `text like ${code(value.pattern)}`;
  return value.format === 'uri' ? 'a URL' : 'text';
}

function mapOf(entry: Node['additionalProperties']): string {
  const isText = entry !== undefined && entry !== false && entry.type === 'string';
  if (!isText) {
    return 'a map, see below';
  }
  return entry.maxLength === undefined
    ? 'a map to text'
    : `a map to text of at most ${entry.maxLength} characters`;
}

function numbers(key: string, { minimum = 0, maximum = 0 }: Node): string {
  const most =
    maximum === Number.MAX_SAFE_INTEGER ? 'no upper bound' : `at most ${withUnit(key, maximum)}`;
  return `whole number${unitOf(key)}, at least ${withUnit(key, minimum)}, ${most}`;
}

function unitOf(key: string): string {
  if (key.endsWith('Bytes')) return ' of bytes';
  return key.endsWith('Ms') ? ' of milliseconds' : '';
}

/** The number as it is written in the file, and in a larger unit where that helps. */
function withUnit(key: string, value: number): string {
  const written = String(value);
  const shown = amount(key, value);
  return unitOf(key) === '' || value < 1000 ? written : `${written} (${shown})`;
}
