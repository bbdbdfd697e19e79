import type { Extent } from '../domain/plan.ts';
import { endOf } from '../domain/rescue/map.ts';
import type { BadPlaces, HungCopyRead } from './bad-places.ts';
import type { SourceDevice } from './device.ts';

/**
 * The reads of the disk of an image, whatever for: to copy it, to rescue it, to prove it. The place of
 * one that never comes back is noted, so that the next attempt knows it.
 */
export class NotedReads {
  readonly #device: Pick<SourceDevice, 'devicePath' | 'readInto'>;
  readonly #badPlaces: Pick<BadPlaces, 'noteHang'>;
  #reading: HungCopyRead | undefined;

  constructor(
    device: Pick<SourceDevice, 'devicePath' | 'readInto'>,
    badPlaces: Pick<BadPlaces, 'noteHang'>,
  ) {
    this.#device = device;
    this.#badPlaces = badPlaces;
  }

  get devicePath(): string {
    return this.#device.devicePath;
  }

  /** Throws what `SourceDevice.readInto` throws. */
  async readInto(bytes: Buffer, offsetBytes: number): Promise<void> {
    await this.#read(bytes, { offsetBytes, lengthBytes: bytes.length, isRescue: false });
  }

  /** The same in a rescue; `came`: what was read right before it and is not marked yet. */
  async rescueInto(bytes: Buffer, offsetBytes: number, came: Extent | undefined): Promise<void> {
    await this.#read(bytes, { offsetBytes, lengthBytes: bytes.length, isRescue: true, came });
  }

  async #read(bytes: Buffer, read: HungCopyRead): Promise<void> {
    this.#reading = read;
    try {
      await this.#device.readInto(bytes, read.offsetBytes);
    } finally {
      this.#reading = undefined;
    }
  }

  /** The disk never answers at that byte. Probes elsewhere tell nothing of a place. */
  async noteHang(offsetBytes: number): Promise<void> {
    const read = this.#reading;
    if (read === undefined || offsetBytes < read.offsetBytes || offsetBytes >= endOf(read)) return;
    await this.#badPlaces.noteHang(read);
  }
}
