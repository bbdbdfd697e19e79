import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { speaksBulkOnly } from '../../../src/domain/usb-descriptors.ts';
import { descriptorsOf } from '../../support/usb.ts';

describe('a USB device speaks bulk-only transport', () => {
  it.each([
    ['as its only protocol', [0x50], true],
    ['as one of two', [0x50, 0x62], true],
    ['or UAS alone', [0x62], false],
  ] as const)('%s', (_, protocols, expected) => {
    expect(speaksBulkOnly(descriptorsOf(protocols))).toBe(expected);
  });

  it('or something else that is no disk', () => {
    expect(speaksBulkOnly(descriptorsOf([0x50], { usbClass: 0x03 }))).toBe(false);
  });

  it('is never found in what is none, and always looked for to an end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ max: 64 }), (bytes) => {
        expect(typeof speaksBulkOnly(bytes)).toBe('boolean');
      }),
    );
    expect(speaksBulkOnly(descriptorsOf([0x50]).subarray(0, 20))).toBe(false);
  });
});
