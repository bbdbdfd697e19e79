import type { StationView } from '../serve/wire.ts';
import type { Narrator } from './contract.ts';
import type { Stage } from './stage.ts';

/** A trainee reads first, and asks somebody. */
const TRAINEE_DEADLINE_MS = 15 * 60_000;

/**
 * What a person does while a fault is played. A trainee who wants to do it himself is told what, and
 * the rehearsal waits until the station has seen it done; otherwise the rehearsal does it.
 */
export class Technician {
  readonly #stage: Stage;
  readonly #narrator: Narrator;
  readonly #signal: AbortSignal;

  constructor(stage: Stage, narrator: Narrator, signal: AbortSignal) {
    this.#stage = stage;
    this.#narrator = narrator;
    this.#signal = signal;
  }

  /** Puts a disk in again. */
  async replug(image: string, bay: string, avoid: readonly string[] = []): Promise<void> {
    const { disksDirectory } = this.#stage.daemon;
    const file = image.slice(disksDirectory.length + 1);
    await this.#act({
      asked: `In another terminal: drive-station loopback -d ${disksDirectory} plug ${file} --bay ${bay}`,
      act: () => this.#stage.plug(image, { bay, avoid }),
      done: ({ disks }) => disks.some((disk) => disk.bay === bay),
    });
  }

  /** Says which drive the disk in a bay is, having read its label. */
  async confirm(bay: string, serial: string): Promise<void> {
    const { daemon, rig } = this.#stage;
    const disk = this.#stage.disk(bay)?.key ?? '';
    const answer = { disk, jobName: rig.job, driveId: serial };
    await this.#act({
      told: `A technician says that the disk in ${bay} is ${serial}.`,
      asked: `At ${daemon.url}, say that the disk in ${bay} is ${serial}.`,
      act: () => daemon.client.confirmDisk(answer, this.#signal),
      done: ({ disks }) => disks.some((d) => d.key === disk && d.match.kind === 'drive'),
    });
  }

  /** Lets a faulted drive try again. */
  async retry(serial: string): Promise<void> {
    const { daemon, rig } = this.#stage;
    const isFaulted = ({ drives }: StationView) =>
      drives.some(({ driveId, state }) => driveId === serial && state === 'Faulted');
    await this.#act({
      told: `A technician presses Retry for ${serial}.`,
      asked: `At ${daemon.url}, press Retry for ${serial}.`,
      act: () => daemon.client.retryDrive(rig.job, serial, this.#signal),
      done: (view) => !isFaulted(view),
    });
  }

  /** Ends a drive without a copy; answers the status of the station's answer. */
  async end(serial: string, reason: string): Promise<number> {
    const { daemon, rig } = this.#stage;
    const path = `/api/v1/jobs/${rig.job}/drives/${serial}/end-without-copy`;
    this.#stage.tell('made', `An operator ends ${serial} without a copy: ${reason}`);
    return (await daemon.request('POST', path, { reason })).status;
  }

  /** Answers the one alert of a kind. */
  async resolve(kind: string, resolution: string): Promise<void> {
    const { daemon } = this.#stage;
    const alert = daemon.view?.alerts.find((open) => open.kind === kind);
    const path = `/api/v1/alerts/${alert?.id}/resolve`;
    await this.#act({
      told: `An operator answers the alert “${alert?.title}”: ${resolution}.`,
      asked: `At ${daemon.url}, resolve the alert “${alert?.title}”: ${resolution}.`,
      act: () => daemon.request('POST', path, { resolution }),
      done: ({ alerts }) => alerts.every((open) => open.kind !== kind),
    });
  }

  async #act(action: {
    /** What a trainee has to do. */
    readonly asked: string;
    /** What is told where nobody is asked, unless the act tells it. */
    readonly told?: string;
    readonly act: () => Promise<unknown>;
    readonly done: (view: StationView) => boolean;
  }): Promise<void> {
    const { asked, told, act, done } = action;
    const { ask } = this.#narrator;
    if (ask === undefined) {
      if (told !== undefined) this.#stage.tell('made', told);
      await act();
    } else ask(asked);
    const deadlineMs = ask === undefined ? undefined : TRAINEE_DEADLINE_MS;
    await this.#stage.daemon.until(done, `it was done: ${asked}`, deadlineMs);
  }
}
