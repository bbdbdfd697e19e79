import { describe, expect, it } from 'vitest';
import { hasPhrase, phrasesOf, textsOf } from '../../../src/rehearsal/heard.ts';
import { busyView } from '../../support/views.ts';

describe('what a line of the catalogue promises', () => {
  it('are the phrases in quotes', () => {
    expect(phrasesOf('the drive is “unplugged”: “It left … in a hurry.”')).toEqual([
      'unplugged',
      'It left … in a hurry.',
    ]);
    expect(phrasesOf("the drive is 'unplugged'")).toEqual([]);
  });

  it.each([
    ['It left bay-1. Put it back in any bay.', 'It left …. Put it back', true],
    ['It left bay-1.', 'It left …. Put it back', false],
    ['back, and it left', 'it left … back', false],
    ['(truncated)', '(truncated)', true],
    ['nothing', '', true],
  ])('of %j, %j: %j', (text, phrase, found) => {
    expect(hasPhrase(text, phrase)).toBe(found);
  });
});

describe('what can be read of a view', () => {
  it('are the words of bays, drives, faults, verdicts and alerts', () => {
    const view = busyView();
    const texts = textsOf(view);
    expect(texts).toEqual(
      expect.arrayContaining([
        'which drive?',
        'It left Bay 4. Put it back in any bay.',
        'Try another bay and cable, then retry; if it fails again, tell the customer.',
        'All 536870912000 bytes were read and read back.',
        'No active job lists serial AZ31BGB1.',
        ...view.alerts.map(({ nextStep }) => nextStep),
      ]),
    );
  });
});
