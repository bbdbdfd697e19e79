import type { DiskErrors, DriveFileErrors, VolumeErrors } from '../errors.ts';
import type { Help } from './contract.ts';

/** The files of a prepared drive. */
export const DRIVE_FILE_HELP: Help<DriveFileErrors> = {
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
      'A metadata or properties file of the drive is not valid: not well-formed, too large, or with names or values that the blob service does not keep. The bytes of its blobs are copied all the same; the copy log says `XmlReadFailed` beside them.',
    nextStep:
      'Send the customer the copy log. Metadata and properties can be set on the blobs afterwards; the drive is not needed for it.',
  },
  'rescue-map-invalid': {
    meaning:
      'The map of a drive’s bad places is no map file of GNU ddrescue: it was torn or edited. The station keeps its own beside the copy journal and goes on without one that it cannot read: blocks that are not stored yet are then tried again.',
    nextStep:
      'Correct the line that the message names, or leave the map out. The map of a finished drive lies beside its copy log.',
  },
};

/** The disk itself, and the tools that look at it. */
export const DISK_HELP: Help<DiskErrors> = {
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
      'A place that the copy has read before reads differently now: this is another disk with the same serial, the disk was written in the meantime, or it returns rubbish, mostly after a read error. The drive is faulted at once, since going on would mix two contents.',
    nextStep:
      'If the message says “reads differently”, pull the disk, wait ten seconds, plug it in again and press Retry: whatever was read since the disk last proved right is read again. Otherwise compare the label with the drive list, since another disk with this serial may have been plugged in. If so, plug in the first one and press Retry. If the label says that this is the first one, pull it, wait ten seconds, plug it in again and press Retry. The copy then accepts it if it still reads as it did before the pull, believes nothing of what was copied before, reads everything again, and says so in the verdict. If the same message returns, try another cable and bay once; then keep the disk and ask support.',
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
      'Pull the disk and let it rest for a minute, try another cable and bay, then press Retry. If that does not help, keep it for recovery. When none of the places by which a copy of files knows its disk can be read any more, all of it is read again, and the verdict says so.',
  },
  'disk-unresponsive': {
    meaning:
      'The kernel has not answered an open or a read of the disk for `copy.readHangMs` (four minutes unless configured, longer than the kernel’s own patience), or the copy process could not be ended because it waits in the kernel. While it waited the screens showed the place, the clock and what was tried. The process is then abandoned to the kernel and the drive faulted; other drives go on. Of an image the place is noted: the next attempt copies all other areas first and then tries this one again, from both sides; where the disk hangs once more, those bytes are left out, and each further time more around them. They are zeros in the store then, and the drive is done, with notes. As long as the process hangs it is shown with its bay, and the disk is not opened again, since that would hang as well; this holds over a restart of the station.',
    nextStep:
      'Pull the disk, wait ten seconds, plug it into another bay, then press Retry: what it hung at comes last. A Retry without that finds the disk as it was. If it hangs again, do the same again; if no attempt gets any further, keep it for recovery.',
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
    nextStep:
      'Look for a bay whose light does not blink, pull that disk, and see whether it happens again.',
  },
};

/** What is on the disk: volumes, folders, files. */
export const VOLUME_HELP: Help<VolumeErrors> = {
  'volume-refused': {
    meaning:
      'The volume on the drive cannot be opened as it is: there is none, its encryption does not fit the job’s key, or its filesystem is not one that can be read. The words say which, and the status is the one that Azure’s copy logs use.',
    nextStep:
      'Tell the customer what the words say. With another key, change it in the job, then press Retry; what is wrong on the drive itself can only be corrected by the customer.',
  },
  'volume-tools-missing': {
    meaning:
      'This station lacks a tool or a permission that opening a drive needs: FUSE, `dislocker`, `ntfs-3g`, loop devices, a mount namespace. The drive is not to blame.',
    nextStep:
      'Run `bin/setup station`, and check that the service may mount and use `/dev/fuse` and loop devices; then press Retry.',
  },
  'volume-not-released': {
    meaning:
      'After a drive was read, a mount, a helper or a loop device of it did not go away in time. The kernel lets go of it when the copy process ends, or when the disk is pulled.',
    nextStep:
      'Pull the disk when the console says so. If it happens again, report it with the log.',
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
      'Try another cable and bay, then press Retry. If that does not help, the copy log names the file to the customer.',
  },
};
