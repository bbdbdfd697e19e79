/** What a person does about a faulted drive, by the code that led there; `docs/ERRORS.md` says more. */
const NEXT_STEPS: Readonly<Record<string, string>> = {
  'disk-content-changed':
    'Compare the label with the drive list: another disk with this serial may have been plugged in. Plug in the first one, then press Retry.',
  'disk-unresponsive':
    'Pull the disk, wait ten seconds, plug it into another bay, then press Retry.',
  'disk-not-readonly':
    'Run the station with the right to set the read-only flag (CAP_SYS_ADMIN), then press Retry.',
  'disk-busy': 'Find out what mounted or holds the disk and release it, then press Retry.',
  'disk-read-failed':
    'The disk has unreadable places. Try another cable and bay, then press Retry; else keep it for recovery.',
  'destination-exists':
    'A blob with this name is already there and is not from this copy. Move it away or use another prefix, then press Retry.',
  'plan-impossible':
    'The disk cannot be stored as the job asks. Correct the job, then press Retry.',
  'storage-denied': 'The credential of the storage account is refused. Renew it, then press Retry.',
  'storage-account-unknown':
    'Add the storage account to the configuration, restart the station, then press Retry.',
  'credential-missing':
    'The credential file of the storage account cannot be read. Put it back, then press Retry.',
  'storage-rejected':
    'The blob service refuses the request; its words are in the log. Correct the cause, then press Retry.',
  'checksum-mismatch':
    'Blocks keep arriving damaged. Check the network and the memory of the station, then press Retry.',
};

export function nextStepFor(code: string): string {
  return NEXT_STEPS[code] ?? 'See the log of the station for this drive, then press Retry.';
}
