import type { DueAlert } from '../domain/alert.ts';
import { ALERTS } from '../domain/alert-texts.ts';
import { StationError } from '../errors.ts';
import type { AlertAnswer, AlertBook } from './books.ts';
import type { Actor, Alert } from './contract.ts';
import { alertOf } from './operator-rows.ts';
import type { AlertTable, Executor } from './tables.ts';
import type { Writer } from './writer.ts';

/** Resolved alerts that a list shows: as many as a person looks through. */
const LISTED_MAX = 500;
const RESOLVED_BY_ITSELF = 'the condition ended';

/** The queue of alerts in the ledger's database. */
export class SqlAlerts implements AlertBook {
  readonly #writer: Writer;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  async reconcile(due: readonly DueAlert[]): Promise<boolean> {
    const { db } = this.#writer;
    const changes = await this.#writer.guard(() => changesOf(db, due));
    if (Object.values(changes).every((list) => list.length === 0)) return false;
    await this.#writer.write(async (trx) => {
      for (const alert of changes.raised) await this.#raise(trx, alert);
      for (const alert of changes.known) await retell(trx, alert);
      const answer = { resolution: null, note: RESOLVED_BY_ITSELF };
      for (const alert of changes.over) await this.#end(trx, alert, { answer, actor: 'station' });
    });
    return true;
  }

  async list(which: 'open' | 'all'): Promise<readonly Alert[]> {
    return await this.#writer.guard(async () => {
      const alerts = this.#writer.db.selectFrom('alerts').selectAll();
      const wanted =
        which === 'open'
          ? alerts.where('resolved_at', 'is', null).orderBy('raised_at').orderBy('key')
          : alerts.orderBy('raised_at', 'desc').orderBy('key').limit(LISTED_MAX);
      return (await wanted.execute()).map(alertOf);
    });
  }

  async byId(id: string): Promise<Alert> {
    return await this.#writer.guard(() => byId(this.#writer.db, id));
  }

  async acknowledge(id: string, actor: Actor): Promise<Alert> {
    return await this.#writer.write(async (db) => {
      const alert = await openById(db, id);
      if (alert.acknowledged !== undefined) return alert;
      const columns = {
        acknowledged_at: this.#writer.now().toISOString(),
        acknowledged_by: actor.toWellFormed(),
      };
      await db.updateTable('alerts').set(columns).where('id', '=', id).execute();
      await this.#tell(db, alert, { type: 'acknowledged', data: {}, actor });
      return await byId(db, id);
    });
  }

  async resolve(id: string, answer: AlertAnswer, actor: Actor): Promise<Alert> {
    return await this.#writer.write(async (db) => {
      const alert = await openById(db, id);
      const allowed: readonly string[] = ALERTS[alert.kind].resolutions;
      if (!allowed.includes(answer.resolution)) {
        const problem = `resolution: ${alert.kind} takes ${allowed.join(' or ')}`;
        throw new StationError('request-invalid', problem, { problems: [problem] });
      }
      const { resolution, note = null } = answer;
      await this.#end(db, alert, { answer: { resolution, note }, actor });
      return await byId(db, id);
    });
  }

  async #raise(db: Executor, due: DueAlert): Promise<void> {
    const { key, kind, subject, reason } = due;
    const alert = {
      ...{ id: this.#writer.uuid(), station: this.#writer.station, key, kind, reason },
      job_id: subject.jobId ?? null,
      drive_id: subject.driveId ?? null,
      extra_id: subject.extraId ?? null,
      dock_id: subject.dockId ?? null,
      raised_at: this.#writer.now().toISOString(),
      ...{ acknowledged_at: null, acknowledged_by: null },
      ...{ resolved_at: null, resolved_by: null, resolution: null, note: null },
    };
    // One that was over by itself, and holds again: the same alert is open again.
    const { id: _id, station: _station, key: _key, ...anew } = alert;
    await db
      .insertInto('alerts')
      .values(alert)
      .onConflict((conflict) => conflict.column('key').doUpdateSet(anew))
      .execute();
    await this.#tell(db, await byKey(db, key), {
      type: 'raised',
      data: { reason },
      actor: 'station',
    });
  }

  async #end(
    db: Executor,
    alert: Alert,
    { answer, actor }: { answer: { resolution: string | null; note: string | null }; actor: Actor },
  ): Promise<void> {
    const ended = {
      resolved_at: this.#writer.now().toISOString(),
      resolved_by: actor.toWellFormed(),
    };
    const columns = { ...ended, ...answer };
    await db.updateTable('alerts').set(columns).where('id', '=', alert.id).execute();
    await this.#tell(db, alert, { type: 'resolved', data: answer, actor });
  }

  async #tell(
    db: Executor,
    { id, kind, subject }: Alert,
    event: { type: string; data: object; actor: Actor },
  ): Promise<void> {
    const data = { kind, ...subject, ...event.data };
    const type = `alert-${event.type}`;
    await this.#writer.append(db, { entity: `alert/${id}`, type, data, actor: event.actor });
  }
}

/** What is due and was answered by nobody, and what is open and is not due any more. */
async function changesOf(db: Executor, due: readonly DueAlert[]) {
  const open = await db.selectFrom('alerts').selectAll().where('resolved_at', 'is', null).execute();
  const dueKeys = new Set(due.map(({ key }) => key));
  const over = open.filter(({ key }) => !dueKeys.has(key)).map(alertOf);
  const rows = new Map(open.map((row) => [row.key, row]));
  const known = due.filter((alert) => isOutdated(rows.get(alert.key), alert));
  const unknown = due.filter(({ key }) => !rows.has(key));
  if (unknown.length === 0) return { raised: [], known, over };
  const keys = unknown.map(({ key }) => key);
  const answered = await db
    .selectFrom('alerts')
    .select('key')
    .where('key', 'in', keys)
    .where('resolved_by', '<>', 'station')
    .execute();
  const resolved = new Set(answered.map(({ key }) => key));
  return { raised: unknown.filter(({ key }) => !resolved.has(key)), known, over };
}

/** An open alert of which more is known by now, or something else. */
function isOutdated(row: AlertTable | undefined, { subject, reason }: DueAlert): boolean {
  if (row === undefined) return false;
  return row.job_id !== (subject.jobId ?? null) || row.reason !== reason;
}

/** The same alert in the words of now; what it was about at first is in its event. */
async function retell(db: Executor, { key, subject, reason }: DueAlert): Promise<void> {
  const columns = { job_id: subject.jobId ?? null, reason };
  await db.updateTable('alerts').set(columns).where('key', '=', key).execute();
}

async function byKey(db: Executor, key: string): Promise<Alert> {
  const alerts = db.selectFrom('alerts').selectAll();
  return alertOf(await alerts.where('key', '=', key).executeTakeFirstOrThrow());
}

async function byId(db: Executor, id: string): Promise<Alert> {
  const alerts = db.selectFrom('alerts').selectAll();
  const row = await alerts.where('id', '=', id).executeTakeFirst();
  if (row !== undefined) return alertOf(row);
  throw new StationError('alert-not-found', `there is no alert ${id}`, { alert: id });
}

async function openById(db: Executor, id: string): Promise<Alert> {
  const alert = await byId(db, id);
  if (alert.resolved === undefined) return alert;
  const { by, at } = alert.resolved;
  const words = `${by} resolved this alert at ${at}`;
  throw new StationError('alert-resolved', words, { alert: id, by, at });
}
