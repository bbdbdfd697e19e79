import type { InputErrors } from '../errors.ts';
import type { Help } from './contract.ts';

/** What was typed or sent in. */
export const INPUT_HELP: Help<InputErrors> = {
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
  'address-unavailable': {
    meaning:
      'The station cannot listen at the address of its configuration: another program does, the machine has no such address, or only root may use the port. The station does not start.',
    nextStep:
      'Stop the other program (`ss -ltnp` names it) or correct `http.host` and `http.port` in the configuration, then start the station again.',
  },
  'job-file-invalid': {
    meaning:
      'A job file, or the body of a request for a job, is not valid. Every problem is named with its place; nothing was stored.',
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
    meaning:
      'The identity file beside a loopback image is not valid. Each problem is named with its place.',
    nextStep: 'Correct the file, or make a new image with `drive-station loopback make NAME`.',
  },
  'xml-invalid': {
    meaning:
      'An XML file of the Import/Export formats is not well-formed, not what it should be, or larger than such a file can be. The line and what is wrong there are named.',
    nextStep:
      'Get the file again from where it was written; one that a person edited is at fault there.',
  },
};
