import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  decodeUdevText,
  parseUdevDatabase,
  UdevDatabase,
} from '../../../src/detect/udev-database.ts';
import { UdevEventParser } from '../../../src/detect/udev-events.ts';
import { readRecording } from './recorded-machine.ts';

describe('what udev knows', () => {
  it('reads each device of a recorded database with its properties', async () => {
    const records = parseUdevDatabase(await readRecording('usb-uas', 'udev-db.txt'));
    expect(records.map(({ devpath }) => devpath.split('/').at(-1))).toEqual([
      'sda',
      'sda1',
      'sda2',
      'sda3',
    ]);
    expect(records[0]?.properties.get('ID_PATH')).toBe('pci-0000:00:07.0-usb-0:1:1.0-scsi-0:0:0:0');
    expect(records[0]?.properties.get('ID_MODEL_ENC')).toBe('Expansion\\x20HDD\\x20\\x20\\x20');
  });

  it('gives back any properties that are printed, whatever is in the values', () => {
    const value = fc.string({ maxLength: 40 }).map((text) => text.replaceAll('\n', ''));
    const properties = fc.dictionary(fc.stringMatching(/^[A-Z][A-Z_]{0,10}$/u), value);
    fc.assert(
      fc.property(fc.array(properties, { maxLength: 5 }), (devices) => {
        const text = devices.map(printed).join('\n\n');
        const read = parseUdevDatabase(text).map((record) => Object.fromEntries(record.properties));
        expect(read).toEqual(devices.map((device) => ({ ...device })));
      }),
    );
  });

  it('decodes what udev escaped, byte by byte', () => {
    expect(decodeUdevText('My\\x20Passport\\x20\\x20')).toBe('My Passport  ');
    expect(decodeUdevText('caf\\xc3\\xa9')).toBe('café');
    expect(decodeUdevText('a\\b')).toBe('a\\b');
  });

  it('follows the events of a plug and a pull', async () => {
    const database = new UdevDatabase();
    for (const event of await eventsOf('usb-uas', 'mon.txt')) database.apply(event);
    expect(database.propertiesOf('sda', 18)?.get('ID_SERIAL_SHORT')).toBe('MSFT30NA8XYZ12');
    expect(database.propertiesOf('sda1', 18)).toBeUndefined();
    for (const event of await eventsOf('usb-uas', 'mon-remove.txt')) database.apply(event);
    expect(database.propertiesOf('sda', 18)).toBeUndefined();
  });

  it('never gives the properties of one attachment to the next under the same name', async () => {
    const database = new UdevDatabase();
    for (const event of await eventsOf('usb-uas', 'mon.txt')) database.apply(event);
    expect(database.propertiesOf('sda', 19)).toBeUndefined();
  });
});

function printed(properties: Record<string, string>, index: number): string {
  const lines = Object.entries(properties).map(([key, value]) => `E: ${key}=${value}`);
  return [`P: /devices/${index}`, `N: sd${index}`, ...lines].join('\n');
}

async function eventsOf(name: string, file: string) {
  return new UdevEventParser().push(Buffer.from(await readRecording(name, file)));
}
