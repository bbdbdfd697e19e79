import { expect, it } from 'vitest';
import type { FromCopy } from '../../../src/copy/messages.ts';
import { ShownActivity } from '../../../src/work/shown-activity.ts';

const NOW = new Date('2026-01-02T03:04:05.000Z');

function shown(...messages: readonly FromCopy[]) {
  const activity = new ShownActivity();
  return messages.map((message) => activity.after(message, NOW)?.kind);
}

const away: FromCopy = { kind: 'storage-away', detail: 'no answer' };
const slow: FromCopy = { kind: 'storage-slow' };
const committing: FromCopy = { kind: 'storage-committing' };
const back: FromCopy = { kind: 'storage-back' };
const settling: FromCopy = { kind: 'phase', phase: 'settling' };

it.each([
  { name: 'settles', doing: settling, shows: 'settling' },
  { name: 'copies', doing: { kind: 'phase', phase: 'copying' }, shows: 'copying' },
  {
    name: 'rescues',
    doing: { kind: 'rescuing', openBytes: 4096, unreadableBytes: 512 },
    shows: 'rescuing',
  },
] as const)('a copy that $name still does so when its store is back', ({ doing, shows }) => {
  expect(shown(doing, away, back)).toEqual([shows, undefined, shows]);
  expect(shown(doing, slow, back)).toEqual([shows, 'slow-storage', shows]);
  expect(shown(doing, committing, back)).toEqual([shows, 'waiting-for-commit', shows]);
});

it('a copy that went on to settle while its store was slow is shown to settle afterwards', () => {
  expect(shown(slow, settling, slow, back)).toEqual([
    'slow-storage',
    'settling',
    'slow-storage',
    'settling',
  ]);
});

it('a copy that has said nothing yet copies', () => {
  expect(shown(away, back)).toEqual([undefined, 'copying']);
});
