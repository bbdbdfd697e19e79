import type { DiskHealth, DiskKey, Facts } from '../domain/disk.ts';
import type {
  DetectMode,
  DetectorDependencies,
  DetectorOptions,
  DiskDetector,
} from './contract.ts';

export type {
  DetectLogger,
  DetectMode,
  DetectorDependencies,
  DetectorOptions,
  DiskDetector,
} from './contract.ts';

/** Which disks are attached, kept up to date. */
export class Detector implements DiskDetector {
  readonly mode: DetectMode = 'periodic';

  static async create(
    _options: DetectorOptions,
    _dependencies: DetectorDependencies,
  ): Promise<Detector> {
    return new Detector();
  }

  facts(): Facts {
    return { known: true, disks: [] };
  }

  onChange(_listener: () => void): () => void {
    return () => undefined;
  }

  async rescan(): Promise<void> {}

  noteHealth(_key: DiskKey, _health: DiskHealth): void {}

  async close(): Promise<void> {}
}
