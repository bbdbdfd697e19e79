import type { JobView } from '../serve/wire.ts';
import type { PackingView } from '../serve/wire-parcels.ts';
import type { JobWay } from './job-ways.ts';
import { ask } from './requests.ts';

/** What operators ask of the station through the page. Each answers `null`, or why it was refused. */

export interface Shipment {
  readonly carrierName: string;
  readonly trackingNumber: string;
  /** As the carrier's paper says; the station takes the day of the entry when it is left out. */
  readonly shipDate?: string;
  /** Lost drives that are in the parcel all the same. */
  readonly found?: readonly string[];
}

/** The members of a return address by their names in the public contract. */
export type Address = Readonly<Record<string, string>>;

export type Missing = 'come-later' | 'never-received';

type Refusal = Promise<string | null>;

export function openParcel(jobId: string, shipment: Shipment | undefined): Refusal {
  return ask('POST', `${jobPath(jobId)}/check-in`, shipment === undefined ? {} : { shipment });
}

export function completeParcel(missing: Missing): Refusal {
  return ask('POST', '/api/v1/check-in/complete', { missing });
}

export function assignExtra(extraId: string, jobId: string): Refusal {
  return ask('POST', `/api/v1/extras/${encodeURIComponent(extraId)}/assign`, { jobName: jobId });
}

export function takeExtraAway(extraId: string): Refusal {
  return ask('POST', `/api/v1/extras/${encodeURIComponent(extraId)}/taken-away`);
}

export function acknowledgeAlert(id: string): Refusal {
  return ask('POST', `/api/v1/alerts/${encodeURIComponent(id)}/acknowledge`);
}

export function resolveAlert(id: string, resolution: string, note: string): Refusal {
  const body = note === '' ? { resolution } : { resolution, note };
  return ask('POST', `/api/v1/alerts/${encodeURIComponent(id)}/resolve`, body);
}

/** `reason` is for putting aside. */
export function leadJob(
  { id }: JobView,
  way: Exclude<JobWay, 'check-in'>,
  reason: string,
): Refusal {
  switch (way) {
    case 'go-on':
      return ask('POST', `${jobPath(id)}/resolve`, {});
    case 'take-as-shipped':
      return ask('POST', `${jobPath(id)}/resolve`, { to: 'Shipping' });
    case 'put-aside':
      return ask('POST', `${jobPath(id)}/put-aside`, { reason });
    case 'wait-longer':
    case 'stop-waiting':
    case 'cancel':
      return ask('POST', `${jobPath(id)}/${way}`);
  }
}

export function setReturnAddress(jobId: string, address: Address): Refusal {
  return ask('PUT', `${jobPath(jobId)}/return-address`, address);
}

export function sendBack(jobId: string, shipment: Shipment): Refusal {
  return ask('POST', `${jobPath(jobId)}/return`, shipment);
}

/** The packing list as it is now, or why there is none. */
export async function readPacking(jobId: string): Promise<PackingView | string> {
  try {
    const response = await fetch(`${jobPath(jobId)}/packing`);
    const answer: unknown = await response.json();
    if (isPacking(answer)) return answer;
  } catch {
    // The words for it are the same as for an answer that is none.
  }
  return 'The packing list could not be read. It is tried again with the next change.';
}

/** Of one version with this page, as `readMessage`: what is checked is that it is whole. */
function isPacking(value: unknown): value is PackingView {
  if (typeof value !== 'object' || value === null) return false;
  const lists = ['drives', 'extras', 'problems'].map((key) => Reflect.get(value, key));
  return lists.every(Array.isArray);
}

function jobPath(jobId: string): string {
  return `/api/v1/jobs/${encodeURIComponent(jobId)}`;
}
