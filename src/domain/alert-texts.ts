/** What is said of each kind of alert, and what a person can answer. */

/** What a person can say to an alert, and what the station then does. */
export const RESOLUTIONS = {
  noted: 'Noted; nothing more is to be done.',
  'wait-longer': 'The customer was asked and wants to wait: two more weeks.',
  'stop-waiting':
    'Nothing more will come: what is missing is marked as never received, and a job of which nothing came is closed.',
  retry: 'The cause is removed: the copy goes on where it was.',
  'end-without-copy':
    'The drive cannot be copied: it is given back as it is. What the store has of it and is in no blob yet is lost.',
  'go-on': 'The cause is removed: the job goes on where it was.',
  destroyed: 'The drives were destroyed; the job is closed.',
  replaced:
    'The dock, its cable or its port is another one: what was counted and learned of it is forgotten.',
  'clock-is-right': 'The clock was looked at and is right: time goes on from what it says.',
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
      'Ask the carrier, then the customer: wait two weeks more, or stop waiting. Without an answer the job is closed 30 days after this alert.',
    resolutions: ['wait-longer', 'stop-waiting'],
  },
  'drives-missing': {
    title: 'Drives missing',
    nextStep:
      'Ask the customer whether the drives come in another parcel. Without an answer they are marked as never received 30 days after this alert.',
    resolutions: ['wait-longer', 'stop-waiting'],
  },
  'contact-customer': {
    title: 'Drives of a job that was not shipped',
    nextStep:
      'Contact the customer: the job has to be updated to Shipping before anything of it is read. It then goes on by itself.',
    resolutions: ['noted'],
  },
  'return-drives': {
    title: 'Drives to be sent back',
    nextStep:
      'The customer did not answer for two weeks: send the drives back if an address is known.',
    resolutions: ['noted'],
  },
  'return-address-missing': {
    title: 'Return address missing',
    nextStep:
      'Contact the customer and put the address into the job; only then the drives can be sent back.',
    resolutions: ['noted'],
  },
  'drives-to-destroy': {
    title: 'Drives to be destroyed',
    nextStep:
      'For 90 days the drives could not be returned. Destroy them as your rules say, with a witness, and record it here.',
    resolutions: ['destroyed', 'noted'],
  },
  'job-put-aside': {
    title: 'Job put aside',
    nextStep: 'Remove the cause, then let the job go on. Nothing of it is begun meanwhile.',
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
      'Look for the disk and put it into any bay: the copy goes on where it was. Only if it is lost or dead, end the drive without a copy; nothing of it can be copied afterwards.',
    resolutions: ['noted', 'end-without-copy'],
  },
  'extra-drive': {
    title: 'Extra drive',
    nextStep:
      'It is on no list and is not read. Say which parcel it came in; it goes back with that one.',
    resolutions: ['noted'],
  },
  'job-overdue': {
    title: 'Job overdue',
    nextStep:
      'Look what it waits for: a drive that is in no bay, a copy that does not end, a parcel that nobody packed.',
    resolutions: ['noted'],
  },
  'storage-halted': {
    title: 'Copies halted: storage',
    nextStep:
      'Do what the alert says. No drive is to blame: leave the disks in, the copies go on by themselves.',
    resolutions: ['noted'],
  },
  'storage-away': {
    title: 'Storage away',
    nextStep:
      'Check network, proxy and the state of the service, and whether the account still exists. The copies go on by themselves.',
    resolutions: ['noted'],
  },
  'staged-bytes-expire': {
    title: 'Copy on hold for days',
    nextStep:
      'Let the copy go on: plug the disk in again, or see to what holds it. What the store has forgotten by then is sent again; nothing is lost.',
    resolutions: ['noted'],
  },
  'processes-stuck': {
    title: 'Disks hang',
    nextStep:
      'Pull the disks that are named and look what they share: a dock, a cable, a controller. If the processes stay, let the running copies end and restart the machine.',
    resolutions: ['noted'],
  },
  'dock-unreliable': {
    title: 'Dock unreliable',
    nextStep:
      'The disks are not to blame. Let their copies end or pull them, then try another cable, another port, another dock. Say so here: the count begins anew with either answer.',
    resolutions: ['replaced', 'noted'],
  },
  'copy-log-refused': {
    title: 'Copy log missing',
    nextStep:
      'The copy is as it says, but its log could not be written. Tell the customer, or correct the cause the message names.',
    resolutions: ['noted'],
  },
  'state-disk': {
    title: 'The station cannot write',
    nextStep:
      'Leave the disks in. Do what the message says on the station’s own disk; no copy is started before.',
    resolutions: ['noted'],
  },
  'cannot-start-copies': {
    title: 'Copies cannot be started',
    nextStep:
      'The machine refuses the station a process, a file or memory. Look what uses them up; it is tried again by itself.',
    resolutions: ['noted'],
  },
  'copy-killed': {
    title: 'Copy killed again and again',
    nextStep:
      'The drive is not to blame: leave it in. Look what ends the process: the kernel’s log (`journalctl -k`) names what was killed for want of memory.',
    resolutions: ['noted'],
  },
  'clock-jumped': {
    title: 'The clock was set',
    nextStep:
      'Compare it with a watch. If it is wrong, set it: this is then over by itself. If it is right, say so. Nothing that waits for days acts before.',
    resolutions: ['clock-is-right'],
  },
  'ledger-not-backed-up': {
    title: 'No backup of the ledger',
    nextStep: 'Remove the cause that the message names; it is tried again by itself.',
    resolutions: ['noted'],
  },
} as const satisfies Readonly<Record<string, AlertText>>;

export type AlertKind = keyof typeof ALERTS;
