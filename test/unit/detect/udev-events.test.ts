import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type UdevEvent, UdevEventParser } from '../../../src/detect/udev-events.ts';
import { readRecording } from './recorded-machine.ts';

function parseWhole(text: string): UdevEvent[] {
  return new UdevEventParser().push(Buffer.from(text));
}

function parseInPieces(bytes: Buffer, cuts: readonly number[]): UdevEvent[] {
  const parser = new UdevEventParser();
  const places = [...new Set(cuts)].sort((a, b) => a - b);
  const events: UdevEvent[] = [];
  let from = 0;
  for (const to of [...places, bytes.length]) {
    events.push(...parser.push(bytes.subarray(from, to)));
    from = to;
  }
  return events;
}

const blocksOnly = ({ subsystem }: UdevEvent) => subsystem === 'block';
const inWords = ({ source, action, devpath }: UdevEvent) =>
  `${source} ${action} ${devpath.split('/').at(-1)}`;

describe('the stream of udevadm monitor', () => {
  it('reads the plug of a USB disk: kernel and udev, disk and partitions', async () => {
    const events = parseWhole(await readRecording('usb-uas', 'mon.txt')).filter(blocksOnly);
    expect(events.map(inWords).filter((words) => words.startsWith('kernel'))).toEqual([
      'kernel add sda',
      'kernel add sda1',
      'kernel add sda2',
      'kernel add sda3',
      'kernel change sda',
    ]);
    const told = events.find((event) => event.source === 'udev' && event.devpath.endsWith('/sda'));
    expect(told?.properties.get('ID_SERIAL_SHORT')).toBe('MSFT30NA8XYZ12');
    expect(told?.properties.get('DISKSEQ')).toBe('18');
  });

  it('reads the pull of two disks', async () => {
    const events = parseWhole(await readRecording('usb-same-serial-2', 'mon-remove.txt'));
    const removed = events.filter(blocksOnly).map(inWords);
    expect(removed).toContain('kernel remove sda');
    expect(removed).toContain('udev remove sdb');
  });

  it('gives the same events however the pipe cuts a recording', async () => {
    const bytes = Buffer.from(await readRecording('scsi-odd-serial', 'mon.txt'));
    const whole = parseInPieces(bytes, []);
    expect(whole.length).toBeGreaterThan(10);
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 60 }), (cuts) => {
        expect(parseInPieces(bytes, cuts)).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });

  it('gives back the events that were written, with any values, cut anywhere', () => {
    const name = fc.stringMatching(/^[A-Z_]{1,12}$/u);
    const value = fc
      .string({ unit: 'grapheme', maxLength: 30 })
      .map((s) => s.replaceAll('\n', ' '));
    const written = fc.record({
      source: fc.constantFrom('kernel' as const, 'udev' as const),
      action: fc.constantFrom('add', 'change', 'remove'),
      devpath: fc.stringMatching(/^\/[a-z0-9:/.-]{1,40}$/u),
      subsystem: fc.constant('block'),
      properties: fc.dictionary(name, value, { maxKeys: 8 }),
    });
    const cuts = fc.array(fc.nat(4000), { maxLength: 40 });
    fc.assert(
      fc.property(fc.array(written, { maxLength: 5 }), cuts, (events, places) => {
        const bytes = Buffer.from(`the banner\n\n${events.map(printed).join('')}`);
        const inside = places.filter((place) => place < bytes.length);
        const read = parseInPieces(bytes, inside);
        expect(
          read.map((event) => ({ ...event, properties: Object.fromEntries(event.properties) })),
        ).toEqual(events.map((event) => ({ ...event, properties: { ...event.properties } })));
      }),
    );
  });

  it('passes over anything that is no event, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
        const parser = new UdevEventParser();
        for (const chunk of chunks) expect(parser.push(Buffer.from(chunk))).toEqual([]);
      }),
    );
  });

  it('drops a line without an end instead of keeping it, and reads on behind it', () => {
    const parser = new UdevEventParser();
    for (let i = 0; i < 100; i++) expect(parser.push(Buffer.alloc(10_000, 'x'))).toEqual([]);
    const after = parser.push(Buffer.from('\nKERNEL[1.5] add      /a/sdz (block)\nACTION=add\n\n'));
    expect(after.map(inWords)).toEqual(['kernel add sdz']);
  });
});

function printed(event: {
  source: 'kernel' | 'udev';
  action: string;
  devpath: string;
  subsystem: string;
  properties: Record<string, string>;
}): string {
  const tag = event.source === 'udev' ? 'UDEV  ' : 'KERNEL';
  const head = `${tag}[12.345678] ${event.action.padEnd(8)} ${event.devpath} (${event.subsystem})`;
  const lines = Object.entries(event.properties).map(([key, text]) => `${key}=${text}`);
  return `${[head, ...lines].join('\n')}\n\n`;
}
