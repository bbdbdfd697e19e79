/**
 * Takes secrets out of any text, by their shape: whatever field, message or stack they got into. It is
 * the net below the rule that secrets are kept out of texts in the first place: errors scrub their
 * words and payloads when they are made, the log each of its lines, the event log each of its entries.
 *
 * JSON stays JSON: nothing that is taken out has a quote or a backslash, and a letter that belongs to
 * an escape (`\n`) counts as the end of what was before.
 */

const CENSORED = '[redacted]';

/** What is before a name or a run of Base64, so that it begins there. */
const NAME_BEGINS = String.raw`(?<=^|[^A-Z]|\\[BFNRT])`;
const BASE64_BEGINS = String.raw`(?<=^|[^A-Z0-9+/]|\\[BFNRT])`;

const SHAPES: readonly (readonly [shape: RegExp, instead: string])[] = [
  // The signature of a SAS, in a query string or in a URL that is itself encoded in one.
  [shape(NAME_BEGINS, String.raw`(sig(?:=|%3D))[^&;,\s'"<>\\]+`), `$1${CENSORED}`],
  // Connection strings.
  [
    shape(NAME_BEGINS, String.raw`(AccountKey|SharedAccessSignature)=[^;\s'"<>\\]+`),
    `$1=${CENSORED}`,
  ],
  // Authorization headers.
  [shape(NAME_BEGINS, String.raw`(bearer|sharedkey(?:lite)?)\s+[^\s'"<>\\]{8,}`), `$1 ${CENSORED}`],
  // The key of a storage account: 64 bytes in Base64, as it is or encoded for a URL.
  [shape(BASE64_BEGINS, '(?:[A-Z0-9+/]|%2B|%2F){86}(?:==|%3D%3D)'), CENSORED],
  // A BitLocker recovery password: eight groups of six digits.
  [/(?<!\d)(?:\d{6}[- ]?){7}\d{6}(?!\d)/gu, CENSORED],
];

/** The text without secrets; a second time changes nothing more. */
export function scrub(text: string): string {
  return SHAPES.reduce((rest, [secret, instead]) => rest.replace(secret, instead), text);
}

/** A value of JSON with every text in it scrubbed; the value itself where there is nothing to do. */
export function scrubJson<T>(value: T): T {
  const text = JSON.stringify(value) ?? '';
  const clean = scrub(text);
  return clean === text ? value : JSON.parse(clean);
}

function shape(begins: string, rest: string): RegExp {
  return new RegExp(begins + rest, 'giu');
}
