/** Partitions that hold no customer's data, by what their table says of them. */

const GPT_SYSTEM_TYPES: ReadonlyMap<string, string> = new Map([
  ['c12a7328-f81f-11d2-ba4b-00a0c93ec93b', 'an EFI system partition'],
  ['e3c9e316-0b5c-4db8-817d-f92df00215ae', 'a Microsoft reserved partition'],
  ['de94bba4-06d1-4d40-a16a-bfd50179d6ac', 'a Windows recovery partition'],
  ['21686148-6449-6e6f-744e-656564454649', 'a BIOS boot partition'],
  ['0657fd6d-a4ab-43c4-84e5-0933c84b4f4f', 'swap space'],
  ['5808c8aa-7e8f-42e0-85d2-e1e90434cfb3', 'the database of a dynamic disk'],
  ['af9b60a0-1431-4f62-bc68-3311714a69ad', 'part of a dynamic disk'],
  ['e75caf8f-f680-4cee-afa3-b001e56efc2d', 'part of a storage space'],
  ['a19d880f-05fc-4d3b-a006-743f0f84911e', 'part of a RAID'],
  ['e6d6d379-f507-44c2-a23c-238f2a3df928', 'part of an LVM group'],
]);

const MBR_SYSTEM_TYPES: ReadonlyMap<number, string> = new Map([
  [0x12, 'a diagnostics partition'],
  [0x27, 'a Windows recovery partition'],
  [0x42, 'part of a dynamic disk'],
  [0x82, 'swap space'],
  [0x8e, 'part of an LVM group'],
  [0xde, 'a diagnostics partition'],
  [0xef, 'an EFI system partition'],
  [0xfd, 'part of a RAID'],
]);

/** What a partition of this type is, when it holds no data; `undefined` for all others. */
export function systemPartition(type: string | number): string | undefined {
  return typeof type === 'string' ? GPT_SYSTEM_TYPES.get(type) : MBR_SYSTEM_TYPES.get(type);
}
