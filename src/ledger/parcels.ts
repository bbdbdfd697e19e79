import { isAway } from '../domain/drive-state.ts';
import type { Drive, DriveId, DriveRef, JobId } from '../domain/job.ts';
import { isFinished, stateInWords } from '../domain/job-state.ts';
import { returnEvent } from '../domain/life-cycle.ts';
import { isLost, type Parcel, type ParcelId, type Shipment } from '../domain/parcel.ts';
import { normaliseSerial } from '../domain/serial.ts';
import { StationError } from '../errors.ts';
import type { MissingDrives, ParcelBook, ReturnShipment } from './books.ts';
import type { Actor, DriveChange, ExtraDrive, JobWithDrives, SeenExtra } from './contract.ts';
import { driveByRef, drivesOfJob, setDriveState, setParcel } from './drive-rows.ts';
import { driveEntity, extraEntity, jobEntity } from './entities.ts';
import {
  endExtra,
  extraById,
  extraRows,
  extrasHereOf,
  findExtra,
  flagExtra,
} from './extra-rows.ts';
import { refuseChange, refuseIncomplete, type Settled } from './job-changes.ts';
import { appendDrive } from './job-drives.ts';
import { moveJob } from './job-moves.ts';
import { jobById, setDetails } from './job-rows.ts';
import {
  endParcel,
  insertParcel,
  labelColumns,
  openParcel,
  parcelById,
  parcelsOf,
  unpackedJobs,
} from './parcel-rows.ts';
import { parcelIdOf } from './rows.ts';
import type { Executor } from './tables.ts';
import type { Writer } from './writer.ts';

/** Parcels and extra drives in the ledger's database. */
export class SqlParcels implements ParcelBook {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  async checkIn(): Promise<Parcel | undefined> {
    const { db, station } = this.#writer;
    return await this.#writer.guard(() => openParcel(db, station));
  }

  async open(jobId: JobId, shipment: Shipment | undefined, actor: Actor): Promise<Parcel> {
    return await this.#writer.write(async (db) => {
      const job = await jobById(db, jobId);
      if (isFinished(job.state.name)) throw checkInRefused(`job ${job.name} is finished`);
      const known = await openParcel(db, this.#writer.station);
      if (known !== undefined) return await this.#goOn(db, known, { jobId, shipment });
      const opened: Parcel = {
        id: parcelIdOf(this.#writer.uuid()),
        jobId,
        direction: 'in',
        ...(shipment === undefined ? {} : { shipment }),
        openedAt: this.#writer.now().toISOString(),
        openedBy: actor.toWellFormed(),
      };
      const parcel = await insertParcel(db, opened, this.#writer.station);
      const data = { parcelId: parcel.id, ...shipment };
      const entity = jobEntity(jobId);
      await this.#writer.append(db, { entity, type: 'check-in-begun', data, actor });
      return parcel;
    });
  }

  /** A label can be typed in after the first disks. */
  async #goOn(
    db: Executor,
    known: Parcel,
    { jobId, shipment }: { jobId: JobId; shipment: Shipment | undefined },
  ): Promise<Parcel> {
    if (known.jobId !== jobId) {
      const other = await jobById(db, known.jobId);
      throw checkInRefused(`the parcel of job ${other.name} is open; end its check-in first`);
    }
    if (shipment === undefined) return known;
    const label = labelColumns(shipment);
    await db.updateTable('parcels').set(label).where('id', '=', known.id).execute();
    return await parcelById(db, known.id);
  }

  async complete(id: ParcelId, missing: MissingDrives, actor: Actor): Promise<Parcel> {
    return await this.#writer.write(async (db) => {
      const parcel = await parcelById(db, id);
      if (parcel.completedAt !== undefined) throw checkInRefused('it has ended already');
      await endParcel(db, id, { at: this.#writer.now().toISOString(), by: actor });
      const drives = await drivesOfJob(db, parcel.jobId);
      const away = drives.filter(({ state }) => state.name === 'Specified');
      if (missing === 'never-received') {
        for (const drive of away) await this.#markMissing(db, drive, actor);
      }
      const data = { parcelId: id, missing: away.map(({ ref }) => ref.driveId), they: missing };
      const entity = jobEntity(parcel.jobId);
      await this.#writer.append(db, { entity, type: 'check-in-ended', data, actor });
      return await parcelById(db, id);
    });
  }

  async ofJob(jobId: JobId): Promise<readonly Parcel[]> {
    return await this.#writer.guard(() => parcelsOf(this.#writer.db, jobId));
  }

  async unpackedJobs(): Promise<ReadonlySet<JobId>> {
    return await this.#writer.guard(() => unpackedJobs(this.#writer.db));
  }

  async registerExportDrive(jobId: JobId, driveId: DriveId, parcelId: ParcelId): Promise<Drive> {
    return await this.#writer.write(async (db) => {
      const { station } = this.#writer;
      const ref = { jobId, driveId };
      await appendDrive(db, ref, { station, parcelId });
      const data = { from: null, to: 'Received', parcelId };
      const entity = driveEntity(ref);
      await this.#writer.append(db, { entity, type: 'arrived', data, actor: 'station' });
      await this.#releaseListed(db, ref, [driveId]);
      return await driveByRef(db, ref);
    });
  }

  async flagExtra(extra: SeenExtra): Promise<ExtraDrive> {
    return await this.#writer.write(async (db) => {
      const { station } = this.#writer;
      const seenAt = this.#writer.now().toISOString();
      const stamp = { id: this.#writer.uuid(), station, seenAt };
      const { flagged, isNew } = await flagExtra(db, extra, stamp);
      if (isNew) {
        const entity = extraEntity(flagged.id);
        const event = { entity, type: 'flagged-extra', data: extra, actor: 'station' };
        await this.#writer.append(db, event);
      }
      return flagged;
    });
  }

  async extras(which: 'here' | 'all'): Promise<readonly ExtraDrive[]> {
    return await this.#writer.guard(() => extraRows(this.#writer.db, which));
  }

  async assignExtra(id: string, jobId: JobId, actor: Actor): Promise<ExtraDrive> {
    return await this.#writer.settle<ExtraDrive>(async (db) => {
      await this.#extraHere(db, id);
      const job = await jobById(db, jobId);
      if (isFinished(job.state.name)) {
        const reason = `the job is ${job.state.name}: nothing of it is sent any more`;
        const refusal = { job, type: 'extra-refused', property: 'extras', reason };
        return await refuseChange(refusal, this.#writer.changeBy(db, actor));
      }
      const columns = { job_id: jobId, parcel_id: null };
      await db.updateTable('extra_drives').set(columns).where('id', '=', id).execute();
      const entity = extraEntity(id);
      await this.#writer.append(db, { entity, type: 'extra-assigned', data: { jobId }, actor });
      return { done: await extraById(db, id) };
    });
  }

  async takeExtraAway(id: string, actor: Actor): Promise<ExtraDrive> {
    return await this.#writer.write(async (db) => {
      await this.#extraHere(db, id);
      await this.#endExtra(db, id, { how: 'taken-away', actor });
      return await extraById(db, id);
    });
  }

  /** In the caller's transaction: the drive belongs to the parcel that it came in. */
  async arrived(db: Executor, ref: DriveRef, arrival: Arrival): Promise<void> {
    const { parcelId, serial = ref.driveId } = arrival;
    if (parcelId !== undefined) await setParcel(db, ref, parcelId);
    await this.#releaseListed(db, ref, [ref.driveId, serial]);
  }

  /** A drive is an extra drive no more if it was taken for one before its job or its parcel came. */
  async #releaseListed(db: Executor, { jobId }: DriveRef, serials: readonly string[]) {
    const wanted = serials.flatMap((serial) => normaliseSerial(serial) ?? []);
    for (const { id, serial } of await extraRows(db, 'here')) {
      const shown = normaliseSerial(serial ?? '');
      if (shown === undefined || !wanted.includes(shown)) continue;
      await this.#endExtra(db, id, { how: 'listed', jobId, actor: 'station' });
    }
  }

  async #extraHere(db: Executor, id: string): Promise<void> {
    const extra = await findExtra(db, id);
    if (extra !== undefined && extra.end === undefined) return;
    throw new StationError('extra-not-found', `there is no extra drive ${id} here`, { extra: id });
  }

  async sendBack(jobId: JobId, given: ReturnShipment, actor: Actor): Promise<JobWithDrives> {
    return await this.#writer.settle<JobWithDrives>(async (db) => {
      const { inBays = [], found = [], ...shipment } = given;
      const refused = await this.#refuseReturn(db, { jobId, inBays, found }, actor);
      if (refused !== undefined) return refused;
      const job = await jobById(db, jobId);
      const drives = await drivesOfJob(db, jobId);
      const event = returnEvent({ job, drives });
      const back = drives.filter(
        (drive) =>
          !isAway(drive.state.name) && (!isLost(drive) || found.includes(drive.ref.driveId)),
      );
      const extras = await extrasHereOf(db, jobId);
      const at = this.#writer.now().toISOString();
      const { carrierName, trackingNumber, shipDate = at.slice(0, 10) } = shipment;
      const label = { carrierName, trackingNumber };
      const parcel: Parcel = {
        id: parcelIdOf(this.#writer.uuid()),
        jobId,
        direction: 'out',
        shipment: label,
        openedAt: at,
        openedBy: actor.toWellFormed(),
        completedAt: at,
        completedBy: actor.toWellFormed(),
      };
      await insertParcel(db, parcel, this.#writer.station);
      for (const drive of back) await this.#moveDrive(db, drive, { to: 'ShippedBack', actor });
      for (const { id } of extras) await this.#endExtra(db, id, { how: 'returned', jobId, actor });
      const returnPackage = { ...label, driveCount: back.length, shipDate };
      await setDetails(db, jobId, { ...job.details, returnPackage });
      const context = this.#writer.changeBy(db, actor);
      const why = `sent back with ${carrierName} ${trackingNumber}`;
      const moved = await moveJob(db, { id: jobId, change: { event, why } }, context);
      // Cannot be by the state above; if it is, nothing of this may stay.
      if ('refused' in moved) throw moved.refused;
      return { done: { job: moved.done, drives: await drivesOfJob(db, jobId) } };
    });
  }

  /** Why the parcel cannot go; written down, as any refusal. */
  async #refuseReturn(
    db: Executor,
    {
      jobId,
      inBays,
      found,
    }: {
      readonly jobId: JobId;
      readonly inBays: readonly string[];
      readonly found: readonly string[];
    },
    actor: Actor,
  ): Promise<Settled<never> | undefined> {
    const job = await jobById(db, jobId);
    const context = this.#writer.changeBy(db, actor);
    const refusal = { job, type: 'return-refused', property: 'returnPackage' };
    if (job.state.name !== 'Packaging') {
      const reason = `drives go back when the job is in Packaging; it is ${stateInWords(job.state)}`;
      return await refuseChange({ ...refusal, reason }, context);
    }
    const drives = await drivesOfJob(db, jobId);
    const busy = drives.filter(
      ({ state }) => state.name === 'Transferring' || state.name === 'Faulted',
    );
    if (busy.length > 0) {
      const names = busy.map(({ ref, state }) => `${ref.driveId} is ${state.name}`).join(', ');
      return await refuseChange(
        { ...refusal, reason: `not all drives are done: ${names}` },
        context,
      );
    }
    if (inBays.length > 0) {
      const reason = `still plugged in: ${inBays.join(', ')}`;
      return await refuseChange({ ...refusal, property: 'drives', reason }, context);
    }
    const lost = drives.filter(isLost).map(({ ref }): string => ref.driveId);
    const odd = found.filter((driveId) => !lost.includes(driveId));
    if (odd.length > 0) {
      const reason = `not among the lost drives: ${odd.join(', ')}`;
      return await refuseChange({ ...refusal, property: 'drives', reason }, context);
    }
    if (job.details.returnAddress !== undefined) return undefined;
    const what = { missing: ['returnAddress'], type: 'return-refused', doing: 'be sent back' };
    return await refuseIncomplete(job, what, context);
  }

  async #markMissing(db: Executor, drive: Drive, actor: Actor): Promise<void> {
    await this.#moveDrive(db, drive, { to: 'NeverReceived', actor });
  }

  async #moveDrive(
    db: Executor,
    { ref, state }: Drive,
    { to, actor }: { to: 'NeverReceived' | 'ShippedBack'; actor: Actor },
  ): Promise<void> {
    await setDriveState(db, ref, { name: to });
    const type = to === 'ShippedBack' ? 'shipped-back' : 'missing';
    const why = to === 'ShippedBack' ? 'it went back with the parcel' : 'it was not in the parcel';
    const data = { from: state, to: { name: to }, why };
    await this.#writer.append(db, { entity: driveEntity(ref), type, data, actor });
  }

  async #endExtra(db: Executor, id: string, { how, actor, ...data }: ExtraEnd): Promise<void> {
    await endExtra(db, id, { at: this.#writer.now().toISOString(), how });
    await this.#writer.append(db, { entity: extraEntity(id), type: `extra-${how}`, data, actor });
  }
}

type Arrival = Pick<Extract<DriveChange, { event: 'arrived' }>, 'parcelId' | 'serial'>;

interface ExtraEnd {
  readonly how: NonNullable<ExtraDrive['end']>['how'];
  /** Whose parcel it went with, or whose list it is on. */
  readonly jobId?: JobId;
  readonly actor: Actor;
}

function checkInRefused(reason: string): StationError {
  return new StationError('check-in-refused', `check-in: ${reason}`, { reason });
}
