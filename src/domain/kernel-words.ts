/**
 * Whether a line of the kernel's log is about a disk, by any of its names: of the block device, its SCSI
 * address or its USB port. Partitions and disks whose names only begin alike are others.
 */
export function kernelSpeaksOf(line: string, names: readonly string[]): boolean {
  const words = line.split(/[\s,:[\]()]+/u);
  return names.some((name) => words.includes(name) || line.includes(` ${name}:`));
}
