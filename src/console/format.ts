/** Numbers as people read them. Sizes of disks and rates are decimal, as on a disk's label. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** `4.00 TB`: three significant digits. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? ''}`;
}

export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** `2 h 30 min`: two units at most. */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${Math.max(0, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
}

/** `2 h 30 min – 4 h`: the remaining time as the range that it is. */
export function formatEta(eta: {
  readonly lowSeconds: number;
  readonly highSeconds: number;
}): string {
  const low = formatDuration(eta.lowSeconds);
  const high = formatDuration(eta.highSeconds);
  return low === high ? low : `${low} – ${high}`;
}

/**
 * Share of `done` in `total`, rounded down to a tenth: 100.0 means all of it and nothing less does.
 */
export function percent(done: number, total: number): number {
  if (total <= 0) return 0;
  return Math.floor((Math.min(done, total) / total) * 1000) / 10;
}

/**
 * Without what steers a terminal or turns the direction of writing: serials come from firmware, names
 * from files, and neither is to be trusted.
 */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, '\uFFFD');
}
