/** What the page asks of the station. Each answers `null`, or why it was refused. */

const NAME_KEY = 'drive-station.name';

/** Who is at the page; every action carries it. */
export function personName(): string {
  return localStorage.getItem(NAME_KEY) ?? '';
}

export function rememberPersonName(name: string): void {
  localStorage.setItem(NAME_KEY, name);
}

export function confirmDisk(
  disk: string,
  jobName: string,
  driveId: string,
): Promise<string | null> {
  return ask('POST', '/api/v1/disks/confirm', { disk, jobName, driveId });
}

export function retryDrive(jobName: string, driveId: string): Promise<string | null> {
  const path = `/api/v1/jobs/${encodeURIComponent(jobName)}/drives/${encodeURIComponent(driveId)}/retry`;
  return ask('POST', path);
}

export function checkIn(jobName: string | null): Promise<string | null> {
  return jobName === null
    ? ask('DELETE', '/api/v1/check-in')
    : ask('PUT', '/api/v1/check-in', { jobName });
}

async function ask(method: string, path: string, body?: object): Promise<string | null> {
  const headers = new Headers({ 'x-drive-station-actor': actor() });
  const init: RequestInit = { method, headers };
  if (body !== undefined) {
    headers.set('content-type', 'application/json');
    init.body = JSON.stringify(body);
  }
  try {
    const response = await fetch(path, init);
    if (response.ok) return null;
    const answer = await response.json();
    return String(answer?.error?.message ?? response.statusText);
  } catch {
    return 'The station could not be reached. Nothing was changed.';
  }
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
