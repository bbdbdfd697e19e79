/** What is said of each kind of alert, and what a person can answer. */

/** What a person can say to an alert, and what the station then does. */
export const RESOLUTIONS = {
  noted: 'Noted; there is nothing more to do.',
  'wait-longer': 'The customer was asked and wants to wait: two more weeks.',
  'stop-waiting':
    'Nothing more will come: missing drives are marked as never received, and a job that has received none is closed.',
  retry: 'The cause has been removed: the copy goes on where it stopped.',
  'end-without-copy':
    'The drive cannot be copied and is given back as it is. Whatever the store holds of it that is not in a blob yet is lost.',
  'go-on': 'The cause has been removed: the job goes on where it stopped.',
  destroyed: 'The drives were destroyed; the job is closed.',
  replaced:
    'The dock, its cable or its port has been replaced: what was counted and learned about it is forgotten.',
  'clock-is-right': 'The clock has been checked and is right: the station goes by it from now on.',
} as const;

export type Resolution = keyof typeof RESOLUTIONS;

interface AlertText {
  readonly title: string;
  /** What to do, in full sentences. */
  readonly nextStep: string;
  /** The first one is what is usual. */
  readonly resolutions: readonly [Resolution, ...Resolution[]];
}

/** Texts by kind; meanings are those of the resolution tables of the Import/Export state document. */
export const ALERTS = {
  'package-missing': {
    title: 'Parcel missing',
    nextStep:
      'Ask the carrier, then the customer: wait two more weeks, or stop waiting. Without an answer the job is closed 30 days after this alert.',
    resolutions: ['wait-longer', 'stop-waiting'],
  },
  'drives-missing': {
    title: 'Drives missing',
    nextStep:
      'Ask the customer whether the drives are coming in another parcel. Without an answer they are marked as never received 30 days after this alert.',
    resolutions: ['wait-longer', 'stop-waiting'],
  },
  'contact-customer': {
    title: 'Drives of a job that was not shipped',
    nextStep:
      'Contact the customer: the job must be updated to Shipping before any of its drives is read. It then goes on by itself.',
    resolutions: ['noted'],
  },
  'return-drives': {
    title: 'Drives to be sent back',
    nextStep:
      'The customer has not answered for two weeks: send the drives back if there is an address.',
    resolutions: ['noted'],
  },
  'return-address-missing': {
    title: 'Return address missing',
    nextStep:
      'Ask the customer for the address and enter it in the job; the drives cannot be sent back without it.',
    resolutions: ['noted'],
  },
  'drives-to-destroy': {
    title: 'Drives to be destroyed',
    nextStep:
      'The drives could not be returned for 90 days. Destroy them as your rules require, before a witness, and record it here.',
    resolutions: ['destroyed', 'noted'],
  },
  'job-put-aside': {
    title: 'Job put aside',
    nextStep: 'Remove the cause, then let the job go on. No copy of it is started until then.',
    resolutions: ['go-on'],
  },
  'drive-faulted': {
    title: 'Drive needs you',
    nextStep: 'Do what the fault says, then retry; or end the drive without a copy.',
    resolutions: ['retry', 'end-without-copy'],
  },
  'disk-missing': {
    title: 'Disk missing in mid-copy',
    nextStep:
      'Find the disk and put it into any bay: the copy goes on where it stopped. End the drive without a copy only if the disk is lost or dead; nothing can be copied from it afterwards.',
    resolutions: ['noted', 'end-without-copy'],
  },
  'extra-drive': {
    title: 'Extra drive',
    nextStep:
      'It is on no drive list and is not read. Say which parcel it came in: it goes back with that job.',
    resolutions: ['noted'],
  },
  'job-overdue': {
    title: 'Job overdue',
    nextStep:
      'Find out what it is waiting for: a drive that is in no bay, a copy that does not end, a parcel that nobody has packed.',
    resolutions: ['noted'],
  },
  'storage-halted': {
    title: 'Copies halted: storage',
    nextStep:
      'Do what the alert says. No drive is to blame: leave the disks in; the copies go on by themselves.',
    resolutions: ['noted'],
  },
  'storage-away': {
    title: 'Storage away',
    nextStep:
      'Check the network, the proxy and the status of the service, and whether the account still exists. The copies go on by themselves.',
    resolutions: ['noted'],
  },
  'staged-bytes-expire': {
    title: 'Copy on hold for days',
    nextStep:
      'Let the copy go on: plug the disk in again, or deal with what is holding it up. Whatever the store has forgotten by then is sent again; nothing is lost.',
    resolutions: ['noted'],
  },
  'processes-stuck': {
    title: 'Disks hang',
    nextStep:
      'Pull the disks that are named and see what they share: a dock, a cable, a controller. If the processes remain, let the running copies finish and restart the machine.',
    resolutions: ['noted'],
  },
  'dock-unreliable': {
    title: 'Dock unreliable',
    nextStep:
      'The disks are not to blame. Let their copies finish or pull them, then try another cable, another port, another dock. Then answer here: either answer starts the count again.',
    resolutions: ['replaced', 'noted'],
  },
  'copy-log-refused': {
    title: 'Copy log missing',
    nextStep:
      'The verdict on the copy holds, but its log could not be written. Tell the customer, or remove the cause that the message names.',
    resolutions: ['noted'],
  },
  'state-disk': {
    title: 'The station cannot write',
    nextStep:
      'Leave the disks in. Do what the message says about the station’s own disk; no copy is started until then.',
    resolutions: ['noted'],
  },
  'cannot-start-copies': {
    title: 'Copies cannot be started',
    nextStep:
      'The machine denies the station a process, a file or memory. Find out what uses them up; the station keeps trying.',
    resolutions: ['noted'],
  },
  'copy-killed': {
    title: 'Copy killed again and again',
    nextStep:
      'The drive is not to blame: leave it in. Find out what ends the process: the kernel’s log (`journalctl -k`) names what was killed for lack of memory.',
    resolutions: ['noted'],
  },
  'copy-starved': {
    title: 'Too little memory or descriptors for a copy',
    nextStep:
      'The drive is not to blame: leave it in. Find out what uses the machine up: `systemctl status drive-station` shows what the service may use and what it uses.',
    resolutions: ['noted'],
  },
  'clock-jumped': {
    title: 'The clock was set',
    nextStep:
      'Compare it with a watch. If it is wrong, set it, and this alert ends by itself. If it is right, say so. Until then nothing that waits for days takes place.',
    resolutions: ['clock-is-right'],
  },
  'ledger-not-backed-up': {
    title: 'No backup of the ledger',
    nextStep: 'Remove the cause that the message names; the station keeps trying.',
    resolutions: ['noted'],
  },
  'secrets-of-other-key': {
    title: 'Secrets that do not open',
    nextStep:
      'Put back the key file that sealed them and restart the station, before any new secret is given. If it is lost, give the BitLocker keys and credentials again.',
    resolutions: ['noted'],
  },
} as const satisfies Readonly<Record<string, AlertText>>;

export type AlertKind = keyof typeof ALERTS;
