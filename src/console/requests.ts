/** What the page asks of the station. Each answers `null`, or why it was refused. */

const NAME_KEY = 'drive-station.name';
const RETRY_PAUSE_MS = 500;

/** Who is at the page; every action carries it. */
export function personName(): string {
  return localStorage.getItem(NAME_KEY) ?? '';
}

export function rememberPersonName(name: string): void {
  localStorage.setItem(NAME_KEY, name);
}

/** Jobs are named by their ids: two resource groups may use one name. */
export function confirmDisk(disk: string, jobId: string, driveId: string): Promise<string | null> {
  return ask('POST', '/api/v1/disks/confirm', { disk, jobName: jobId, driveId });
}

export function retryDrive(jobId: string, driveId: string): Promise<string | null> {
  return ask('POST', `${drivePath(jobId, driveId)}/retry`);
}

export function endDrive(jobId: string, driveId: string, reason: string): Promise<string | null> {
  return ask('POST', `${drivePath(jobId, driveId)}/end-without-copy`, { reason });
}

function drivePath(jobId: string, driveId: string): string {
  return `/api/v1/jobs/${encodeURIComponent(jobId)}/drives/${encodeURIComponent(driveId)}`;
}

/** Asks once more when the connection was lost: the key keeps it from being done twice. */
export async function ask(method: string, path: string, body?: object): Promise<string | null> {
  const headers = new Headers({ 'x-drive-station-actor': actor(), 'idempotency-key': freshKey() });
  const init: RequestInit = { method, headers };
  if (body !== undefined) {
    headers.set('content-type', 'application/json');
    init.body = JSON.stringify(body);
  }
  try {
    return await send(path, init).catch(() => later().then(() => send(path, init)));
  } catch {
    return 'The station did not answer, so it may or may not have done that. Look again once it is connected.';
  }
}

async function send(path: string, init: RequestInit): Promise<string | null> {
  const response = await fetch(path, init);
  const text = await response.text();
  if (response.ok) return null;
  return wordsOf(text) ?? `The station answered ${response.status} ${response.statusText}.`;
}

function wordsOf(text: string): string | undefined {
  try {
    return String(JSON.parse(text).error.message);
  } catch {
    return undefined;
  }
}

function later(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
}

/** Not `randomUUID`: a page that is not of this machine and came over plain HTTP does not have it. */
function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** A header takes printable ASCII without blanks. */
function actor(): string {
  const name = personName()
    .trim()
    .replace(/\s+/gu, '.')
    .replace(/[^\x21-\x7e]/gu, '_')
    .slice(0, 50);
  return name === '' || name === 'station' ? 'console' : name;
}
