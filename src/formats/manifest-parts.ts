import { type Digest, parseDigest } from '../domain/digest.ts';
import type { SideFile, SideFiles } from '../domain/manifest.ts';
import type { ManifestFault } from '../errors.ts';
import { manifestInvalid, type Place, shown } from './manifest.ts';
import type { XmlItem } from './xml-reader.ts';

/**
 * The small things that a manifest is made of, read strictly: what is unknown is refused rather than
 * passed over, because it may change what the rest means, and the service refuses it as well.
 */

/** The children of an element by name: none but these, and each of them once at most. */
export function partsOf(item: XmlItem, known: readonly string[]): ReadonlyMap<string, XmlItem> {
  const parts = new Map<string, XmlItem>();
  checkAttributes(item, []);
  if (item.text.trim() !== '') throw wrong(item, 'text-misplaced', `text in ${item.name}`);
  for (const child of item.children) {
    if (!known.includes(child.name)) throw unknownElement(child, item.name);
    if (parts.has(child.name)) throw repeated(child);
    parts.set(child.name, child);
  }
  return parts;
}

export function needed(parts: ReadonlyMap<string, XmlItem>, name: string, whole: XmlItem): XmlItem {
  const found = parts.get(name);
  if (found === undefined) throw wrong(whole, 'element-missing', `${whole.name} without ${name}`);
  return found;
}

/** The text of an element that has no attributes and nothing but text. */
export function textOf(item: XmlItem): string {
  checkAttributes(item, []);
  return onlyText(item);
}

/** The text of an element in which there are no others. */
export function onlyText(item: XmlItem): string {
  const [child] = item.children;
  if (child !== undefined) throw unknownElement(child, item.name);
  return item.text;
}

/** A number of bytes as plain digits: no sign, no blank, no exponent, nothing beyond 2^53 - 1. */
export function numberOf(text: string, what: string, at: Place): number {
  const value = /^\d{1,16}$/u.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw wrong(at, 'value-invalid', `${what} ${shown(text)} is not a number of bytes`);
}

export function attributeOf(item: XmlItem, name: string): string {
  const found = item.attributes.get(name);
  if (found !== undefined) return found;
  throw wrong(item, 'attribute-missing', `${item.name} without ${name}`);
}

export function hashOf(item: XmlItem): Digest {
  const text = attributeOf(item, 'Hash');
  const digest = parseDigest(text);
  if (digest !== undefined) return digest;
  throw wrong(item, 'value-invalid', `Hash ${shown(text)} is not an MD5 or a SHA-256 in hex`);
}

/** Attributes that any XML tool may add mean nothing here. */
const OF_XML_ITSELF = /^(?:xml|xmlns|xsi)(?::|$)/u;

export function checkAttributes(item: XmlItem, known: readonly string[]): void {
  for (const name of item.attributes.keys()) {
    if (known.includes(name) || OF_XML_ITSELF.test(name)) continue;
    throw wrong(item, 'attribute-unknown', `${item.name} with ${shown(name)}`);
  }
}

export function sideFileOf(item: XmlItem): SideFile {
  checkAttributes(item, ['Hash']);
  return { path: onlyText(item), hash: hashOf(item) };
}

export function sideFilesOf(parts: ReadonlyMap<string, XmlItem>): SideFiles {
  const [metadata, properties] = [parts.get('MetadataPath'), parts.get('PropertiesPath')];
  return {
    ...(metadata === undefined ? {} : { metadata: sideFileOf(metadata) }),
    ...(properties === undefined ? {} : { properties: sideFileOf(properties) }),
  };
}

export function wrong(at: Place, fault: ManifestFault, problem: string) {
  return manifestInvalid(at, { fault, problem });
}

export function repeated(item: XmlItem) {
  return wrong(item, 'element-repeated', `${item.name} for the second time`);
}

export function unknownElement(item: XmlItem, parent: string) {
  return wrong(item, 'element-unknown', `${shown(item.name)} has no place in ${parent}`);
}
