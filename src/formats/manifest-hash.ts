import type { Digest } from '../domain/digest.ts';
import { StationError } from '../errors.ts';
import type { Many } from './drive-log.ts';

/** A running hash; whoever has one gives it, since this room knows no platform. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** In hex. */
  digest(): string;
}

/**
 * Reads a manifest to its end and proves that it is the file the job speaks of: MD5 for a hash of 32
 * digits, SHA-256 for one of 64. This comes before the manifest is read for what it says: bytes that
 * are not those of the job are `ManifestCorrupted`, whatever they look like. Throws
 * `manifest-corrupted`; what the chunks throw is passed on.
 */
export async function proveManifestHash(
  chunks: Many<Uint8Array>,
  expected: Digest,
  hasherOf: (algorithm: Digest['algorithm']) => Hasher,
): Promise<void> {
  const { algorithm } = expected;
  const hasher = hasherOf(algorithm);
  for await (const chunk of chunks) hasher.update(chunk);
  const found = hasher.digest().toUpperCase();
  if (found === expected.hex) return;
  const words = `the manifest's ${algorithm} is ${found}, the job says ${expected.hex}`;
  throw new StationError('manifest-corrupted', words, { algorithm, expected: expected.hex, found });
}
