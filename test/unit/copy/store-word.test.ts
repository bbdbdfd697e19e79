import { beforeEach, expect, it } from 'vitest';
import type { FromCopy } from '../../../src/copy/messages.ts';
import { StoreWord } from '../../../src/copy/store-word.ts';

let told: string[];
let pictures: ReturnType<StoreWord['listeners']>;
let notes: ReturnType<StoreWord['listeners']>;
beforeEach(() => {
  told = [];
  const word = new StoreWord((message: FromCopy) => {
    const detail = message.kind === 'storage-away' ? ` ${message.detail}` : '';
    told.push(`${message.kind.replace('storage-', '')}${detail}`);
  });
  pictures = word.listeners();
  notes = word.listeners();
});

it('a container that answers does not speak for one that does not', () => {
  pictures.onAway('no answer');
  notes.onCommitting();
  notes.onBack();
  expect(told).toEqual(['away no answer']);
  pictures.onBack();
  expect(told).toEqual(['away no answer', 'back']);
});

it('the worst of what is known is told, each change of it once', () => {
  pictures.onCommitting();
  notes.onSlow();
  pictures.onSlow();
  expect(told).toEqual(['committing', 'slow']);
  pictures.onAway('refused');
  pictures.onAway('no answer');
  expect(told.slice(2)).toEqual(['away refused', 'away no answer']);
  pictures.onBack();
  expect(told.slice(4)).toEqual(['back', 'slow']);
  notes.onBack();
  expect(told.slice(6)).toEqual(['back']);
});
