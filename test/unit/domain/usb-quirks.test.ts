import { expect, it } from 'vitest';
import type { BridgeId } from '../../../src/domain/disk.ts';
import { withoutUas } from '../../../src/domain/usb-quirks.ts';

it.each([
  ['', '152d:0578:u'],
  ['\n', '152d:0578:u'],
  ['0bc2:ab38:u', '0bc2:ab38:u,152d:0578:u'],
  ['152D:578:u', '152D:578:u'],
  ['0bc2:ab38:f,152d:0578:rl,174c:55aa:u', '0bc2:ab38:f,152d:0578:rlu,174c:55aa:u'],
])('the quirks %j with one more are %j', (before, after) => {
  expect(withoutUas(before, '152d:0578' as BridgeId)).toBe(after);
});
