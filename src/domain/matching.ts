import {
  type AttachedDisk,
  bySourceTrust,
  type DiskKey,
  type OwnUse,
  type SerialEvidence,
} from './disk.ts';
import { type DriveRef, driveKey, type JobName } from './job.ts';
import {
  isFakeSerial,
  type NearForm,
  nearForm,
  normaliseSerial,
  type SerialNumber,
} from './serial.ts';

/** One line of an active job's drive list. */
export interface Claim {
  readonly ref: DriveRef;
  readonly jobName: JobName;
  readonly serial: SerialNumber;
}

export interface Suggestion {
  readonly ref: DriveRef;
  readonly jobName: JobName;
  readonly form: NearForm;
}

/** Whose disk this is. Every answer carries its reason in words; the union covers every disk. */
export type Match =
  | { readonly kind: 'own'; readonly reason: string }
  | { readonly kind: 'drive'; readonly ref: DriveRef; readonly reason: string }
  | { readonly kind: 'extra'; readonly reason: string }
  | {
      readonly kind: 'ambiguous';
      readonly candidates: readonly DriveRef[];
      readonly rivals: readonly DiskKey[];
      readonly reason: string;
    }
  | { readonly kind: 'near'; readonly suggestions: readonly Suggestion[]; readonly reason: string };

/** Whether it says, or asks, that a disk is this drive's. */
export function speaksOf(match: Match | undefined, ref: DriveRef): boolean {
  return match !== undefined && refsOf(match).some((other) => driveKey(other) === driveKey(ref));
}

function refsOf(match: Match): readonly DriveRef[] {
  switch (match.kind) {
    case 'drive':
      return [match.ref];
    case 'ambiguous':
      return match.candidates;
    case 'near':
      return match.suggestions.map(({ ref }) => ref);
    case 'own':
    case 'extra':
      return [];
  }
}

/** A person's answer to a question about one attachment; it ends when the disk is pulled. */
export interface Confirmation {
  readonly ref: DriveRef;
  readonly actor: string;
}

export interface MatchInput {
  readonly disks: readonly AttachedDisk[];
  readonly claims: readonly Claim[];
  readonly confirmations: ReadonlyMap<DiskKey, Confirmation>;
}

/** Answers for every disk that is present; total, and without memory. */
export function matchDisks(input: MatchInput): ReadonlyMap<DiskKey, Match> {
  const shared = sharedSerials(input.disks);
  const answers = new Map<DiskKey, Match>();
  for (const disk of input.disks) answers.set(disk.key, matchOne(disk, input, shared));
  return disqualifyRivals(answers, input.confirmations);
}

/** Serials that more than one present disk shows: they identify none of them. */
function sharedSerials(disks: readonly AttachedDisk[]): ReadonlyMap<SerialNumber, DiskKey[]> {
  const holders = new Map<SerialNumber, DiskKey[]>();
  for (const disk of disks) {
    for (const serial of distinctSerials(disk)) {
      holders.set(serial, [...(holders.get(serial) ?? []), disk.key]);
    }
  }
  return new Map([...holders].filter(([, keys]) => keys.length > 1));
}

function distinctSerials(disk: AttachedDisk): Set<SerialNumber> {
  const serials = disk.identity.serials.map((evidence) => normaliseSerial(evidence.raw));
  return new Set(serials.filter((serial) => serial !== undefined));
}

function matchOne(
  disk: AttachedDisk,
  input: MatchInput,
  shared: ReadonlyMap<SerialNumber, DiskKey[]>,
): Match {
  if (disk.ownUses.length > 0) return { kind: 'own', reason: ownReason(disk) };
  const confirmed = input.confirmations.get(disk.key);
  if (confirmed !== undefined) {
    const reason = `${confirmed.actor} confirmed that this disk is ${confirmed.ref.driveId}.`;
    return { kind: 'drive', ref: confirmed.ref, reason };
  }
  if (input.claims.length === 0) {
    return { kind: 'extra', reason: 'No active job lists any drive.' };
  }
  const evidence = bySourceTrust(disk.identity.serials);
  const weighty = evidence.filter((item) => hasWeight(item, shared));
  const exact = claimsFor(weighty, input.claims);
  if (exact.length > 0) return exactMatch(exact, weighty);
  const listed = claimsFor(evidence, input.claims);
  const [first] = listed;
  if (first !== undefined) {
    const rivals = (shared.get(first.serial) ?? []).filter((key) => key !== disk.key);
    return contestedMatch(first, listed, rivals);
  }
  return nearOrExtra(evidence, weighty, input.claims);
}

function ownReason(disk: AttachedDisk): string {
  return `The station's own disk: ${disk.ownUses.map(useInWords).join('; ')}.`;
}

function useInWords(use: OwnUse): string {
  switch (use.kind) {
    case 'mounted':
      return `${use.device} is mounted at ${use.mountpoint}`;
    case 'swap':
      return `${use.device} is swap`;
    case 'holder':
      return `${use.device} is in use by ${use.holder}`;
    case 'state-directory':
      return `${use.device} holds ${use.directory}`;
  }
}

function hasWeight(
  evidence: SerialEvidence,
  shared: ReadonlyMap<SerialNumber, DiskKey[]>,
): boolean {
  const serial = normaliseSerial(evidence.raw);
  return serial !== undefined && !isFakeSerial(serial) && !shared.has(serial);
}

function claimsFor(evidence: readonly SerialEvidence[], claims: readonly Claim[]): Claim[] {
  const serials = new Set(evidence.map((item) => normaliseSerial(item.raw)));
  return claims.filter((claim) => serials.has(claim.serial));
}

function exactMatch(exact: readonly Claim[], weighty: readonly SerialEvidence[]): Match {
  const [only] = exact;
  if (only === undefined || exact.length > 1) {
    const jobs = exact.map((claim) => `${claim.ref.driveId} of job ${claim.jobName}`).join(' and ');
    return {
      kind: 'ambiguous',
      candidates: exact.map((claim) => claim.ref),
      rivals: [],
      reason: `This one disk answers to ${jobs}; a person must say which.`,
    };
  }
  const source = weighty.find((item) => normaliseSerial(item.raw) === only.serial)?.source;
  const reason = `Serial ${only.serial} (${source}) is on the drive list of job ${only.jobName}.`;
  return { kind: 'drive', ref: only.ref, reason };
}

/** A listed serial that several present disks show, or that bridges make up, waits for a person. */
function contestedMatch(
  { serial, jobName }: Claim,
  listed: readonly Claim[],
  rivals: readonly DiskKey[],
): Match {
  const why =
    rivals.length > 0
      ? `${rivals.length + 1} present disks show it`
      : 'bridges are known to make it up';
  return {
    kind: 'ambiguous',
    candidates: listed.map(({ ref }) => ref),
    rivals,
    reason: `Serial ${serial} is listed by job ${jobName}, but ${why}; read the label and confirm.`,
  };
}

function nearOrExtra(
  evidence: readonly SerialEvidence[],
  weighty: readonly SerialEvidence[],
  claims: readonly Claim[],
): Match {
  const suggestions = nearClaims(weighty, claims);
  const [first] = suggestions;
  if (first !== undefined) {
    const reason = `Looks like ${first.ref.driveId} of job ${first.jobName} (${first.form}); confirm with the label.`;
    return { kind: 'near', suggestions, reason };
  }
  if (weighty.length > 0) {
    const shown = [...new Set(evidence.map((item) => item.raw.trim()))].join(', ');
    return { kind: 'extra', reason: `No active job lists serial ${shown}.` };
  }
  const what = evidence.length === 0 ? 'no serial' : 'only serials that do not identify it';
  return {
    kind: 'ambiguous',
    candidates: [],
    rivals: [],
    reason: `The disk shows ${what}; read its label and confirm which drive it is.`,
  };
}

function nearClaims(weighty: readonly SerialEvidence[], claims: readonly Claim[]): Suggestion[] {
  const found: Suggestion[] = [];
  for (const claim of claims) {
    for (const item of weighty) {
      const seen = normaliseSerial(item.raw);
      const form = seen === undefined ? undefined : nearForm(seen, claim.serial);
      if (form !== undefined) {
        found.push({ ref: claim.ref, jobName: claim.jobName, form });
        break;
      }
    }
  }
  return found;
}

/**
 * Two present disks that come out as one drive disqualify each other, whichever serials led there;
 * a single one that a person confirmed keeps the drive.
 */
function disqualifyRivals(
  answers: Map<DiskKey, Match>,
  confirmations: MatchInput['confirmations'],
): ReadonlyMap<DiskKey, Match> {
  const byDrive = new Map<string, DiskKey[]>();
  for (const [key, match] of answers) {
    if (match.kind !== 'drive') continue;
    const name = driveKey(match.ref);
    byDrive.set(name, [...(byDrive.get(name) ?? []), key]);
  }
  for (const keys of byDrive.values()) {
    if (keys.length < 2) continue;
    const confirmed = keys.filter((key) => confirmations.has(key));
    for (const key of confirmed.length === 1 ? keys.filter((k) => k !== confirmed[0]) : keys) {
      const match = answers.get(key);
      if (match?.kind !== 'drive') continue;
      answers.set(key, {
        kind: 'ambiguous',
        candidates: [match.ref],
        rivals: keys.filter((other) => other !== key),
        reason: `${keys.length} present disks answer to ${match.ref.driveId}; a person must say which.`,
      });
    }
  }
  return answers;
}
