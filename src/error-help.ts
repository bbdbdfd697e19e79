import type {
  CopyErrors,
  DiskErrors,
  DriveFileErrors,
  ErrorCode,
  InputErrors,
  RehearsalErrors,
  StorageErrors,
  VolumeErrors,
} from './errors.ts';

/**
 * What each error means and what a person does about it: the next step that the console shows beside
 * a faulted drive, and the text of `docs/ERRORS.md`, which is generated from here. A code without an
 * entry does not compile.
 */
export interface ErrorHelp {
  readonly meaning: string;
  /** What to do now, in full sentences. */
  readonly nextStep: string;
}

type Help<Codes> = { readonly [Code in keyof Codes]: ErrorHelp };

const INPUT_HELP: Help<InputErrors> = {
  'config-invalid': {
    meaning:
      'The configuration has keys or values that the schema does not take. Each is named with file, line and column, and the station does not start.',
    nextStep:
      'Correct the places that are named (`docs/CONFIGURATION.md` has every key with its range), then start the station.',
  },
  'config-unreadable': {
    meaning: 'The configuration file is not there or may not be read.',
    nextStep: 'Check the path after `--config` and the rights of the file, then start again.',
  },
  'job-file-invalid': {
    meaning:
      'A job file, or the body of a request for a job, is not one. Every problem is named with its place; nothing was stored.',
    nextStep:
      'Correct the places that are named and create the job again. `config/examples` has jobs to start from.',
  },
  'job-file-unreadable': {
    meaning: 'The job file is not there, is no plain file, or may not be read.',
    nextStep: 'Check the path and the rights of the file, then create the job again.',
  },
  'job-file-too-large': {
    meaning:
      'The job file has more bytes than any job needs; it was not read. It is probably another file.',
    nextStep: 'Check that the path leads to the job file.',
  },
  'job-exists': {
    meaning: 'A job of this name is in the ledger already. The new one was not stored.',
    nextStep:
      'Look at the job with `drive-station job show NAME`. When the new one is another job, give it another name.',
  },
  'job-not-found': {
    meaning: 'There is no job of this name in the ledger of this station.',
    nextStep: 'Look for the name with `drive-station job list`.',
  },
  'job-name-ambiguous': {
    meaning:
      'Several resource groups have a job of this name, so that the name alone does not say which is meant.',
    nextStep: 'Use the id of the job instead of its name; the answer lists the ids.',
  },
  'job-change-refused': {
    meaning:
      'The job is in a state in which this may not be changed, replaced or deleted any more; or a new credential does not lead to where the job’s blobs are. Nothing was changed.',
    nextStep:
      'Read the reason, which names the property and the state of the job. What is refused for good needs another job.',
  },
  'job-change-incomplete': {
    meaning:
      'A job goes to Shipping only with a return address and the parcel’s carrier and tracking number. Nothing was changed.',
    nextStep: 'Send what is missing together with the state, or before it.',
  },
  'parcel-not-found': {
    meaning: 'The station knows no parcel of this id.',
    nextStep: 'Look at the parcels of the job with `drive-station job show NAME`.',
  },
  'check-in-refused': {
    meaning:
      'The check-in cannot begin or end like this: another parcel is being unpacked, the job is finished, or this check-in has ended before.',
    nextStep: 'End the check-in that is open, then begin this one.',
  },
  'extra-not-found': {
    meaning: 'The station knows no extra drive of this id, or it is not here any more.',
    nextStep: 'Look at `drive-station extras`.',
  },
  'alert-not-found': {
    meaning: 'There is no alert of this id; perhaps its job was deleted.',
    nextStep: 'Look at `drive-station alerts`.',
  },
  'alert-resolved': {
    meaning: 'Somebody else resolved this alert already, or what it was about is over.',
    nextStep: 'Nothing is to be done; `drive-station alerts --all` shows who resolved it.',
  },
  'drive-not-found': {
    meaning: 'The job lists no drive of this id.',
    nextStep: 'Look for the drive id with `drive-station job show NAME`; it is the listed serial.',
  },
  'disk-not-found': {
    meaning: 'No disk with this key, or in this bay, is plugged in any more.',
    nextStep: 'Look at `drive-station drives`: a disk that was plugged in anew has a new key.',
  },
  'storage-account-unknown': {
    meaning:
      'The job names a storage account that the configuration of this station does not have.',
    nextStep:
      'Add the storage account to the configuration and restart the station, then create the job again. Copies of a job that is there already go on after the restart.',
  },
  'request-invalid': {
    meaning:
      'What was asked for cannot be: a field is missing or wrong, a bay is occupied, a disk belongs to the station. Each problem is named; nothing was changed.',
    nextStep: 'Correct what is named and ask again.',
  },
  'idempotency-key-reused': {
    meaning:
      'The idempotency key of this request was sent before with another request, whose answer is kept under it. Nothing was done.',
    nextStep:
      'Send each new request with a key of its own, and only a repeated one with its old key.',
  },
  'station-unreachable': {
    meaning: 'A command found no station at the address.',
    nextStep:
      'Check that the station runs (`drive-station serve`) and that `--url` or `DRIVE_STATION_URL` is the address in its log.',
  },
  'station-refused': {
    meaning: 'The station answered a command with a refusal; its words and its code are shown.',
    nextStep: 'Look up the code that was shown on this page.',
  },
  'transition-refused': {
    meaning:
      'The job or drive is in a state that does not take this event, for example a Retry of a drive that is not faulted. The refusal is in the event log.',
    nextStep: 'Look at the state as it is now; someone else may have answered already.',
  },
  'identity-file-invalid': {
    meaning: 'The identity file beside a loopback image is not one. Each problem is named.',
    nextStep: 'Correct the file, or make a new image with `drive-station loopback make NAME`.',
  },
  'xml-invalid': {
    meaning:
      'An XML file of the Import/Export formats is not well-formed, not what it should be, or larger than such a file can be. The line and what is wrong there are named.',
    nextStep:
      'Get the file again from where it was written; one that a person edited is at fault there.',
  },
};

const DRIVE_FILE_HELP: Help<DriveFileErrors> = {
  'manifest-invalid': {
    meaning:
      'The manifest of a prepared drive breaks the grammar of the format. Line, column and the blob are named; the copy log says `ManifestFormatInvalid`. Nothing of the drive was copied, since a manifest that is wrong in one place may be wrong in others.',
    nextStep:
      'Send the customer the place that is named. The drive has to be prepared again, or the job’s manifest is another file on it.',
  },
  'manifest-corrupted': {
    meaning:
      'The manifest on the drive is not the file that the job speaks of: its bytes have another hash. The copy log says `ManifestCorrupted`, and nothing was copied.',
    nextStep:
      'Compare path and hash of the manifest in the job with the journal of the customer’s tool; correct the job, or have the drive prepared again.',
  },
  'side-file-invalid': {
    meaning:
      'A metadata or properties file of the drive is not one: not well-formed, too large, or with names or values that the blob service does not keep. The bytes of its blobs are copied all the same; the copy log says `XmlReadFailed` beside them.',
    nextStep:
      'Send the customer the copy log. Metadata and properties can be set on the blobs afterwards; the drive is not needed for it.',
  },
  'rescue-map-invalid': {
    meaning:
      'The map of a drive’s bad places is no map file of GNU ddrescue: it was torn or edited. The station keeps its own beside the copy journal and goes on without one that it cannot read: blocks that are not stored yet are then tried again.',
    nextStep:
      'Correct the line that the message names, or leave the map away. The map of a finished drive lies beside its copy log.',
  },
};

const DISK_HELP: Help<DiskErrors> = {
  'disk-gone': {
    meaning:
      'The disk left while it was read, or could not be opened any more. The copy pauses; no attempt is counted and nothing that arrived is lost.',
    nextStep: 'Put the disk back, into any bay; the copy goes on by itself.',
  },
  'disk-changed': {
    meaning:
      'Behind the device name there is another disk now, or another attachment of the same one. Nothing was read from it; the copy pauses and the disks are matched anew.',
    nextStep: 'Put the drive’s own disk back, into any bay; the copy goes on by itself.',
  },
  'disk-given-up': {
    meaning:
      'The disk is plugged in, but the kernel has taken it offline or gets no answer from any place of it. That is no bad sector: the disk, its bridge or the bay has stopped. The copy is tried again a few times, then the drive is faulted; nothing that arrived is lost.',
    nextStep:
      'Pull the disk, wait ten seconds and plug it into another bay; the copy goes on by itself, or press Retry.',
  },
  'disk-content-changed': {
    meaning:
      'A place that the store already holds reads differently now: this is another disk with the same serial, the disk was written in the meantime, or it returns rubbish after a read error. The drive is faulted at once, since going on would mix two contents.',
    nextStep:
      'Compare the label with the drive list: another disk with this serial may have been plugged in. Plug in the first one, then press Retry.',
  },
  'disk-busy': {
    meaning:
      'The kernel refuses an exclusive open: the disk is mounted, or another program holds it. The copy is tried again a few times, then the drive is faulted. A process that an earlier run of the station left behind is waited for and never a reason for this.',
    nextStep: 'Find out what mounted or holds the disk and release it, then press Retry.',
  },
  'disk-not-readonly': {
    meaning:
      'The kernel’s read-only flag of the disk could not be set. Nothing is read without it, so the drive is faulted at once.',
    nextStep:
      'Run the station with the right to set the read-only flag (CAP_SYS_ADMIN), then press Retry.',
  },
  'disk-read-failed': {
    meaning:
      'The kernel reports an error at an offset, and the disk is still there. Bad places alone do not end a copy: they are left for last, and what stays unreadable is told with the verdict. This drive did not even give what it had given before, or could not be opened. The copy is tried again a few times, each time from what the store holds, then the drive is faulted.',
    nextStep:
      'Pull the disk and let it rest for a minute, try another cable and bay, then press Retry; else keep it for recovery.',
  },
  'disk-unresponsive': {
    meaning:
      'The kernel has not answered an open or a read of the disk for `copy.readHangMs` (four minutes unless configured, longer than the kernel’s own patience), or the copy process could not be ended because it waits in the kernel. While it waited the screens showed the place, the clock and what was tried. The process is then abandoned to the kernel and the drive faulted; other drives go on. As long as the process hangs it is shown with its bay, and the disk is not opened again, since that would hang as well; this holds over a restart of the station.',
    nextStep:
      'Pull the disk, wait ten seconds, plug it into another bay, then press Retry. A Retry without that finds the disk as it was.',
  },
  'tool-failed': {
    meaning:
      'A tool that looks at disks or attaches loop devices (`lsblk`, `udevadm`, `losetup` …) could not be started, exited with an error or printed something else than agreed; its words are in the message.',
    nextStep:
      'Do what the tool’s words say; a missing tool is installed with apt. Detection goes on without the one that failed.',
  },
  'tool-timed-out': {
    meaning:
      'A tool did not answer before its deadline and was abandoned. Usually one disk hangs and the tool waits for it.',
    nextStep: 'Look for a bay whose lamp stands still, pull that disk, and look whether it recurs.',
  },
};

const VOLUME_HELP: Help<VolumeErrors> = {
  'volume-refused': {
    meaning:
      'The volume on the drive cannot be opened as it is: there is none, its encryption does not fit the job’s key, or its filesystem is not one that can be read. The words say which, and the status is the one that Azure’s copy logs use.',
    nextStep:
      'Tell the customer what the words say. With another key, change it in the job, then press Retry; what is wrong on the drive itself can only be corrected by the customer.',
  },
  'volume-tools-missing': {
    meaning:
      'This station lacks a tool or a right that opening a drive needs: FUSE, `dislocker`, `ntfs-3g`, loop devices, a mount namespace. The drive is not to blame.',
    nextStep:
      'Run `bin/setup station`, and check that the service may mount and use `/dev/fuse` and loop devices; then press Retry.',
  },
  'volume-not-released': {
    meaning:
      'After a drive was read, a mount, a helper or a loop device of it did not go away in time. The kernel lets go of it when the copy process ends, or when the disk is pulled.',
    nextStep: 'Pull the disk when the console says so. If it recurs, report it with the log.',
  },
  'file-name-invalid': {
    meaning:
      'A path that the drive’s manifest names cannot be one on Windows: a forbidden character, a device name, a dot or blank at the end, a step upwards, an alternate stream. Nothing was opened.',
    nextStep: 'The manifest is at fault; the customer prepares the drive again.',
  },
  'file-name-too-long': {
    meaning: 'A path, or one name in it, is longer than Windows allows. Nothing was opened.',
    nextStep: 'The manifest is at fault; the customer prepares the drive again.',
  },
  'file-not-found': {
    meaning: 'The drive has no file at a path that its manifest names.',
    nextStep:
      'Nothing for the technician. The copy log names the file to the customer, who sends it again.',
  },
  'file-access-denied': {
    meaning:
      'What is at the path may not be opened: a link, a junction, a folder, a device, a file that Windows itself encrypted. Links are never followed.',
    nextStep:
      'Nothing for the technician. The copy log names the file to the customer, who sends it again.',
  },
  'file-read-failed': {
    meaning:
      'The filesystem on the drive cannot be read at a file or folder: a defect of the medium, or of the filesystem itself. The disk is still there.',
    nextStep:
      'Try another cable and bay, then press Retry; else the copy log names the file to the customer.',
  },
};

const STORAGE_HELP: Help<StorageErrors> = {
  'storage-unavailable': {
    meaning:
      'The store does not answer or asks to be left alone. Copies wait with every buffer kept and no drive is to blame; new ones are not started meanwhile.',
    nextStep:
      'Check network, proxy and the state of the service. Leave the disks in; the copies go on by themselves.',
  },
  'container-missing': {
    meaning:
      'The container of the job is not there: somebody deleted it, or it was never made and the credential may not make it. What was staged in it is gone and is staged again from the disk.',
    nextStep:
      'Make the container again or restore it, in the storage account of the job; or renew the credential with one that may make it. Leave the disks in; the copies go on by themselves.',
  },
  'storage-clock-skew': {
    meaning:
      'The clock of the station and that of the store differ by minutes, so the store refuses whatever the station signs. The credential may be good.',
    nextStep:
      'Set the clock of the station (`timedatectl`, and look why it does not keep the time). Leave the disks in; the copies go on by themselves.',
  },
  'storage-denied': {
    meaning:
      'The store refuses the credential: it is wrong, has expired or allows too little; or the network rules of the account do not let the station in.',
    nextStep:
      'The credential of the storage account is refused. Renew it: its file, or that of a job with its own storage with `drive-station job credential NAME --file FILE`. Leave the disks in; the copies go on by themselves.',
  },
  'storage-rejected': {
    meaning:
      'The store refuses a request for another reason, for example a name or a container that it does not allow.',
    nextStep:
      'The blob service refuses the request; its words are in the log. Correct the cause, then press Retry.',
  },
  'checksum-mismatch': {
    meaning:
      'A block did not arrive as it was sent, several times in a row; the store kept none of them. In a directory it can also be a blob whose blocks make up another MD5.',
    nextStep:
      'Blocks keep arriving damaged. Check the network and the memory of the station. Leave the disks in; the copies go on by themselves.',
  },
  'short-write': {
    meaning: 'A directory store took fewer bytes than it was given; the block was not kept.',
    nextStep: 'Check the disk that holds the store and its free space, then press Retry.',
  },
  'destination-exists': {
    meaning:
      'There is a committed blob of this name that is not from this copy. The station never replaces one, so the drive is faulted at once.',
    nextStep:
      'A blob with this name is already there and is not from this copy. Move it away or use another prefix in a new job, then press Retry.',
  },
  'blob-leased': {
    meaning:
      'Somebody else holds a lease on the blob of this name, so the store lets nobody write it. The station takes no leases of its own.',
    nextStep:
      'Have the owner of the storage account end the lease (“Break lease” in the portal), then press Retry.',
  },
  'blob-of-other-type': {
    meaning:
      'The blob of this name is a page blob or an append blob where a block blob was to be written, or the other way round.',
    nextStep:
      'Look at the blob in the storage account: move it away, or choose another name in a new job, then press Retry.',
  },
  'blob-changed': {
    meaning:
      'Somebody wrote the blob between our look at it and our next step, which was meant for its earlier state. It was left alone.',
    nextStep: 'Find out who else writes into the container, then press Retry.',
  },
  'blocks-in-the-way': {
    meaning:
      'Under this name the store holds blocks that were never committed, and their ids are of another length than ours: the rest of an upload that broke off. Blocks of both lengths cannot be together.',
    nextStep:
      'Nothing is lost by discarding such blocks. Look whether another program still uploads this blob; when none does, press Retry. The store itself forgets them after a week.',
  },
  'blob-not-found': {
    meaning:
      'A blob that should be there is not: after a commit somebody must have removed it before it was read back.',
    nextStep: 'Find out who removes blobs from the container, then press Retry.',
  },
  'credential-missing': {
    meaning:
      'The file with the credential of a storage account is empty or cannot be read, or a job that brings its own storage has no credential in the ledger.',
    nextStep:
      'The credential of the storage account is not there. Put its file back, or give the job its credential with `drive-station job credential NAME --file FILE`. Leave the disks in; the copies go on by themselves.',
  },
};

const COPY_HELP: Help<CopyErrors> = {
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
      'Check the cable and the bay, then retry. If it comes again, the disk is failing: end the drive and tell the customer.',
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
      'The copy process of a drive ended without a result: it was killed or it crashed. The next attempt goes on from what the store holds.',
    nextStep:
      'The log has the process’s last words. Look whether the machine ran out of memory, then press Retry.',
  },
  'copy-process-not-started': {
    meaning:
      'The machine gave the station no process for a copy: it is out of processes, descriptors or memory. No attempt is counted, no copy is started until it can be, and nothing that arrived is lost.',
    nextStep:
      'Look what uses the machine up (`systemctl status drive-station`, `dmesg`); the copies go on by themselves.',
  },
  'state-disk-failed': {
    meaning:
      'The station’s own disk, where ledger and copy journals lie, is full, read-only or gives errors. Nothing counts that could not be written down: running copies that meet it pause, no attempt is counted, and none is started until the disk can be written again.',
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
      'Put the key file back from its backup, or correct `secrets.keyFile`. Without the key, sealed BitLocker keys and credentials are lost and have to be given again.',
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

const REHEARSAL_HELP: { readonly [Code in keyof RehearsalErrors]: ErrorHelp } = {
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

/** The catalogue as its page shows it, in sections. */
export const ERROR_SECTIONS = [
  { title: 'What was typed or sent in', help: INPUT_HELP },
  { title: 'The files of a prepared drive', help: DRIVE_FILE_HELP },
  { title: 'Disks', help: DISK_HELP },
  { title: 'Volumes and files on a drive', help: VOLUME_HELP },
  { title: 'The blob store', help: STORAGE_HELP },
  { title: 'The copy and what the station keeps', help: COPY_HELP },
  { title: 'Rehearsals', help: REHEARSAL_HELP },
] as const;

const ERROR_HELP: { readonly [Code in ErrorCode]: ErrorHelp } = {
  ...INPUT_HELP,
  ...DRIVE_FILE_HELP,
  ...DISK_HELP,
  ...VOLUME_HELP,
  ...STORAGE_HELP,
  ...COPY_HELP,
  ...REHEARSAL_HELP,
};

const BY_NAME: ReadonlyMap<string, ErrorHelp> = new Map(Object.entries(ERROR_HELP));

/** What a person does about an error; a code that nobody knows is a defect like any other. */
export function nextStepFor(code: string): string {
  return (BY_NAME.get(code) ?? ERROR_HELP['internal-error']).nextStep;
}

export function helpFor(code: ErrorCode): ErrorHelp {
  return ERROR_HELP[code];
}
