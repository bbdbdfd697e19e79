import type { StorageErrors } from '../errors.ts';
import type { Help } from './contract.ts';

/** The blob store. */
export const STORAGE_HELP: Help<StorageErrors> = {
  'storage-unavailable': {
    meaning:
      'The store does not answer or asks to be left alone; or something in its place answers, such as a proxy or a login page, and the reason says what. Copies wait with every buffer kept and no drive is to blame; new ones are not started meanwhile.',
    nextStep:
      'Check network, proxy and the state of the service. Where the reason says that no blob store answers, have the station let through there, or correct the address of the storage account. Leave the disks in; the copies go on by themselves.',
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
      'Set the clock of the station (`timedatectl`), and find out why it does not keep the time. Leave the disks in; the copies go on by themselves.',
  },
  'storage-denied': {
    meaning:
      'The store does not let us in: the credential is wrong, has expired, allows too little or is of a kind that the account does not take; or the network rules of the account exclude the station. The reason says which, as far as the store tells.',
    nextStep:
      'The credential of the storage account is refused. Renew it: its file, or that of a job with its own storage with `drive-station job credential NAME --file FILE`; where the reason speaks of the network or of another kind of credential, see to that first. Leave the disks in; the copies go on by themselves.',
  },
  'account-disabled': {
    meaning:
      'The storage account, the container or the right to write there is disabled, for everybody: by its owner, by an administrator, or because it was not paid for. The credential may be good.',
    nextStep:
      'The owner of the storage account has to enable it again (in the portal, or with the support of the service); another credential does not help. Leave the disks in; the copies go on by themselves.',
  },
  'storage-unusable': {
    meaning:
      'The store answers, and refuses whatever it is asked, also what has nothing to do with the drive: its address is wrong, something in between changes the requests or does not know them, it is no store of this kind, or the directory of a directory store may not be written.',
    nextStep:
      'Do what the store’s words say: compare the address of the storage account with the portal, look at proxies in between, or at the rights of the directory. Leave the disks in; the copies go on by themselves.',
  },
  'storage-rejected': {
    meaning:
      'The store lets the station work, and refuses one request: for what is to be written there, or for a name or a container that cannot be. A name or a header that no store takes is refused before it is sent.',
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
      'There is a committed blob of this name that is not from this copy, or that was made of what the disk held before a person said that it is the right one all the same. The station never replaces one, so the drive is faulted at once.',
    nextStep:
      'A blob with this name is already there and is not of this disk as it is now. Move it away or use another prefix in a new job, then press Retry.',
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
      'Nothing is lost by discarding such blocks. Check whether another program is still uploading this blob; if none is, press Retry. The store itself forgets them after a week.',
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
