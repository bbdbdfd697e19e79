/**
 * A digest as the Import/Export files write it: hex digits, never Base64. The published formats say MD5;
 * the newest examples have 64 digits, which is SHA-256, so the length says which it is.
 */
export interface Digest {
  readonly algorithm: 'md5' | 'sha256';
  /** 32 or 64 hex digits in upper case. */
  readonly hex: string;
}

/**
 * Reads a digest; `undefined` when the text is none. Blanks around it are not part of it: the published
 * samples have one in front.
 */
export function parseDigest(text: string): Digest | undefined {
  const hex = text.trim().toUpperCase();
  if (/^[0-9A-F]{32}$/u.test(hex)) return { algorithm: 'md5', hex };
  if (/^[0-9A-F]{64}$/u.test(hex)) return { algorithm: 'sha256', hex };
  return undefined;
}
