/** Descriptors of a mass storage device that speaks these protocols: 0x50 bulk-only, 0x62 UAS. */
export function descriptorsOf(
  protocols: readonly number[],
  { usbClass = 0x08 }: { readonly usbClass?: number } = {},
): Buffer {
  const device = [18, 1, 0, 3, 0, 0, 0, 9, 0x2d, 0x15, 0x78, 0x05, 0, 1, 1, 2, 3, 1];
  const endpoint = [7, 5, 0x81, 2, 0, 4, 0];
  const companion = [6, 48, 15, 0, 0, 0];
  const settings = protocols.flatMap((protocol, alternate) => [
    ...[9, 4, 0, alternate, 1, usbClass, 0x06, protocol, 0],
    ...[...endpoint, ...companion],
  ]);
  const configuration = [9, 2, 9 + settings.length, 0, 1, 1, 0, 0x80, 112];
  return Buffer.from([...device, ...configuration, ...settings]);
}
