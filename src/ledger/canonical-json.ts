/**
 * JSON with one spelling for each value: members sorted by name, no blanks. Two equal values give
 * equal text, so the text can be hashed. What JSON cannot carry (functions, `undefined` members) is
 * left out, exactly as `JSON.stringify` does it.
 */
export function canonicalJson(value: unknown): string {
  const plain: unknown = JSON.parse(JSON.stringify(value ?? null) ?? 'null');
  return write(plain);
}

function write(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(write).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${write(member)}`);
  return `{${members.join(',')}}`;
}
