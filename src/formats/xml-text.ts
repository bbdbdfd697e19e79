/**
 * Text on its way into XML 1.0 and back. Serial numbers and file names come from hostile disks and may
 * hold what no XML document can: control characters, lone surrogates, U+FFFE, U+FFFF. Others would be
 * changed by every parser: line ends, and tabs in attributes. Each such UTF-16 unit becomes `_xHHHH_`,
 * as in Office Open XML (ECMA-376 part 1, 22.9.2.19), and an underscore that would be taken for the
 * beginning of one becomes `_x005F_`. All other text, `<` and `&` included, is the XML writer's job.
 */
const NOT_IN_XML = '\\p{Cc}\\p{Cs}\\ufffe\\uffff';
const TO_ESCAPE = new RegExp(`[${NOT_IN_XML}]|_(?=x[0-9A-Fa-f]{4}(?:_|[${NOT_IN_XML}]))`, 'gu');
const FOREIGN = new RegExp(`[${NOT_IN_XML}]`, 'u');
const ESCAPED = /_x([0-9A-Fa-f]{4})_/gu;

/** Text that any XML document can hold and any parser gives back unchanged. */
export function toXmlText(text: string): string {
  return text.replace(TO_ESCAPE, (unit) => {
    const hex = unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    return `_x${hex}_`;
  });
}

/** The text that `toXmlText` was given. */
export function fromXmlText(text: string): string {
  return text.replace(ESCAPED, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

/**
 * The text itself, for documents that others read. Throws a `RangeError` for text that XML cannot hold
 * or that would not come back as it is.
 */
export function exactXmlText(text: string): string {
  if (text.search(FOREIGN) < 0) return text;
  throw new RangeError(`${JSON.stringify(text)} has a character that XML cannot hold`);
}
