/**
 * How long an answer asks to be left alone, in ms; `undefined` when it does not say. In milliseconds as
 * the Azure SDKs know it, else in seconds or as a date ("Retry-After", RFC 9110, 10.2.3). A date is
 * taken by the clock of who answered, so that ours may be wrong.
 */
export function retryAfterMs(header: (name: string) => string | undefined): number | undefined {
  for (const name of ['x-ms-retry-after-ms', 'retry-after-ms']) {
    const ms = header(name);
    if (ms !== undefined && /^\d{1,12}$/u.test(ms)) return Number(ms);
  }
  const asked = header('retry-after')?.trim();
  if (asked === undefined) return undefined;
  if (/^\d{1,9}$/u.test(asked)) return Number(asked) * 1000;
  const waitMs = Date.parse(asked) - Date.parse(header('date') ?? '');
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}
