import type { CopyErrors, RehearsalErrors } from '../errors.ts';
import type { Help } from './contract.ts';

/** The copy, and what the station keeps. */
export const COPY_HELP: Help<CopyErrors> = {
  'drive-refused': {
    meaning:
      'The drive cannot be copied as it is: its volume, its BitLocker key or its manifest is not what the job says. This is an end, not a fault: the verdict and the copy log carry the status.',
    nextStep:
      'Nothing at the station. The customer reads the status in the job, corrects key or manifest, and makes a new job.',
  },
  'drive-reads-differ': {
    meaning:
      'The drive said something else of its files when it was read again: the disk or its cable is failing, or the drive was changed while it was away. Nothing is copied from what differs.',
    nextStep:
      'Check the cable and the bay, then retry: the copy goes by what the drive shows then, and sends nothing again that the store proves to have. If it comes again, the disk is failing: end the drive and tell the customer.',
  },
  'plan-impossible': {
    meaning:
      'The disk cannot be stored as the job asks, for example because a blob name is too long. That is found before the first byte moves; the drive is faulted at once.',
    nextStep:
      'The disk cannot be stored as the job asks. Make a job that fits and list the drive there.',
  },
  'copy-attempt-failed': {
    meaning:
      'One attempt of a copy failed; the error that it carries says why. It is in the log and is tried again until the attempts are used up.',
    nextStep: 'Look up the code that it carries on this page, then press Retry.',
  },
  'copy-process-ended': {
    meaning:
      'The copy process of a drive crashed: it ended without a result and nobody had ended it. The next attempt goes on from what the store holds.',
    nextStep:
      'The log has the process’s last words: report them. Check whether the machine is short of memory, then press Retry.',
  },
  'copy-process-killed': {
    meaning:
      'Somebody ended the copy process of a drive from outside: the kernel because memory ran out, a person, another program. No drive is to blame and no attempt is counted; the copy is tried again with growing pauses, and operators are told when it gets no further.',
    nextStep:
      'Find out what ends it: `journalctl -k` names what the kernel killed for lack of memory, and `systemctl status drive-station` shows what the service may use (`docs/LIMITS.md` says what it needs). Leave the disks in; the copies go on by themselves.',
  },
  'copy-process-starved': {
    meaning:
      'The machine gave the copy process of a drive too little memory, or too few descriptors or processes. No drive is to blame and no attempt is counted; the copy is tried again with growing pauses, and operators are told when it gets no further.',
    nextStep:
      'Check what the service may use (`systemctl status drive-station`; `docs/LIMITS.md` says what it needs) and what else is using up the machine. Leave the disks in; the copies go on by themselves.',
  },
  'copy-process-not-started': {
    meaning:
      'The machine gave the station no process for a copy: it is out of processes, descriptors or memory. No attempt is counted, no copy is started until it can be, and nothing that arrived is lost.',
    nextStep:
      'Find out what is using up the machine (`systemctl status drive-station`, `dmesg`); the copies go on by themselves.',
  },
  'state-disk-failed': {
    meaning:
      'The station’s own disk, where ledger and copy journals lie, is full, read-only or gives errors. Nothing counts that could not be written down: running copies that meet it pause, no attempt is counted, and none is started until the disk can be written again. A drive with bad sectors that meets a full disk gives up what it kept of them, and reads it again.',
    nextStep:
      'Make room, or repair the file system (the kernel’s log says what is wrong with it); the copies go on by themselves. A station that could not start is started again.',
  },
  'copy-process-silent': {
    meaning:
      'A copy process gave no sign of life for half a minute, or did not stop when asked: it is stuck in the kernel. It is killed, or abandoned when even that does not end it.',
    nextStep: 'Pull the disk, wait ten seconds, plug it into another bay, then press Retry.',
  },
  'ledger-newer': {
    meaning:
      'A newer version of the station wrote this ledger; both versions are named. Nothing was touched and the station does not start; `serve` ends with exit code 3.',
    nextStep:
      'Install the newer version again. To go back all the same, give this one the state directory as it was before the update.',
  },
  'ledger-unreadable': {
    meaning:
      'The ledger is damaged, emptied, lost or is no ledger; file and damage are named. The station does not start, or stops in order when it meets the damage at work, with exit code 3. Nothing is repaired or overwritten.',
    nextStep:
      'Stop the station and run `drive-station ledger restore`: it moves what is there aside, puts the newest good backup in its place and deletes nothing. Copies go on from what the blob store holds. With no backup, move the whole state directory aside, start, and create the jobs again.',
  },
  'ledger-failed': {
    meaning:
      'The database could not do what was asked: it is locked by another program, or the machine gave no descriptor for it. The call changed nothing, and no drive is blamed for it.',
    nextStep:
      'Do what the message says; what was to be done is tried again by itself. A person’s action is asked for again.',
  },
  'secret-key-unreadable': {
    meaning:
      'The key file that seals the secrets of jobs in the ledger is not there, may not be read, or holds no key. The station does not start.',
    nextStep:
      'Put the key file back from its backup, or correct `secrets.keyFile`. If the key is lost for good, make another with `openssl rand -hex 32`, mode 0600: the station starts, and an alert lasts until sealed BitLocker keys and credentials are given again.',
  },
  'secret-unreadable': {
    meaning:
      'A BitLocker key or the credential of a job cannot be opened: it was sealed with another key file, or its row was altered.',
    nextStep:
      'Put the key file back that the station had when the job was created; or give the secret again, a credential with `drive-station job credential NAME --file FILE`. Copies that are halted for it go on by themselves.',
  },
  'state-directory-in-use': {
    meaning: 'Another station works in this state directory. This one does not start.',
    nextStep: 'Stop the other station, or give this one another state directory.',
  },
  'state-directory-unusable': {
    meaning:
      'The state directory cannot be made, is no directory, or may not be written by the user of the station. The station does not start.',
    nextStep:
      'Correct `station.stateDirectory` in the configuration, or give the user of the station the right to write there, then start it again.',
  },
  'internal-error': {
    meaning: 'Something happened that should not; it is a defect of the station.',
    nextStep: 'See the log of the station for this drive, report it, then press Retry.',
  },
  cancelled: {
    meaning:
      'Somebody or something stopped the work: the station closes, a disk was pulled, a person interrupted. It is no failure and no attempt is counted.',
    nextStep: 'Nothing is to be done.',
  },
};

/** Faults that were played on purpose. */
export const REHEARSAL_HELP: Help<RehearsalErrors> = {
  'rehearsal-failed': {
    meaning:
      'A rehearsed fault did not end as the catalogue says it must. It was rehearsed on image files with a station of its own; no customer’s disk is concerned.',
    nextStep:
      'Rehearse the same fault once more by its name, with nothing else running; when it fails again, report it with what was printed.',
  },
  'rehearsal-impossible': {
    meaning:
      'This machine lacks what a rehearsal needs: root, FUSE, a compiler for the faulty disk, or space for temporary files. Nothing was done.',
    nextStep: 'Do what the message says, then try again.',
  },
};
