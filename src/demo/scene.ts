import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import {
  buildPreparedDrive,
  type PreparedDrive,
  preparedDriveUnavailable,
} from '../../native-fixtures/prepared-drive/build.ts';
import { standardDrive } from '../../native-fixtures/prepared-drive/standard.ts';
import { type Config, configSchema } from '../config.ts';
import { identityFileOf } from '../detect/identity-file.ts';
import { safeSegment } from '../domain/blob-name.ts';
import { writeImage } from '../loopback/image.ts';

const MIB = 1024 * 1024;

/** The disks of the demo: three are on the job's list, the last one is on none. */
export const DEMO_DISKS = [
  { name: 'alpha', serial: 'WD-WMATV1234567', model: 'WDC WD40EFRX', sizeBytes: 96 * MIB },
  { name: 'bravo', serial: 'ZC1A9QX4', model: 'ST8000NM0055', sizeBytes: 256 * MIB },
  { name: 'charlie', serial: 'S3YJNB0K412345', model: 'Samsung SSD 860', sizeBytes: 128 * MIB },
  { name: 'stranger', serial: 'KV6H86XP', model: 'HGST HUS726T4TALA6L4', sizeBytes: 32 * MIB },
] as const;
export type DemoDisk = (typeof DEMO_DISKS)[number];

/** On the label of the drive that a customer prepared: BitLocker, NTFS and a manifest. */
const PREPARED_SERIAL = 'WX41D62K9P83';

export const DEMO_JOB = 'demo-import';
const CONTAINER = 'drives';
const PREFIX = 'demo-import/';
const ACCOUNT = 'demo';
const DISKS = 'disks';
const RETURN_ADDRESS = {
  ...{ recipientName: 'Contoso Archive', streetAddress1: '1 Harbour Street', city: 'Seattle' },
  ...{ stateOrProvince: 'WA', postalCode: '98101', countryOrRegion: 'USA' },
  ...{ phone: '+1 206 555 0100', email: 'archive@contoso.example' },
};

/** A scratch directory with everything that the demo needs and nothing that outlives it. */
export class Scene {
  readonly directory: string;
  /** The prepared drive, or why this machine can make none. */
  readonly prepared: PreparedDrive | { readonly missing: string };

  private constructor(directory: string, prepared: Scene['prepared']) {
    this.directory = directory;
    this.prepared = prepared;
  }

  static async create(): Promise<Scene> {
    const directory = await mkdtemp(join(tmpdir(), 'drive-station-demo-'));
    await mkdir(join(directory, DISKS));
    const scene = new Scene(directory, await prepareDrive(join(directory, DISKS)));
    for (const disk of DEMO_DISKS) {
      const image = scene.imageOf(disk);
      await writeImage(image, { seed: disk.serial, sizeBytes: disk.sizeBytes });
      const { serial, model } = disk;
      await writeFile(identityFileOf(image), stringify({ serial, model }));
    }
    return scene;
  }

  get disksDirectory(): string {
    return join(this.directory, DISKS);
  }

  get azuriteDirectory(): string {
    return join(this.directory, 'azurite');
  }

  get logFile(): string {
    return join(this.directory, 'station.log');
  }

  imageOf(disk: DemoDisk): string {
    return join(this.disksDirectory, `${disk.name}.img`);
  }

  /** The station's configuration: the defaults, quick to settle, on a free port. */
  config(connectionString: string): Config {
    return configSchema.parse({
      station: { name: 'demo-station', stateDirectory: join(this.directory, 'state') },
      http: { port: 0 },
      detect: { loopbackDirectory: this.disksDirectory, settleMs: 500, scanIntervalMs: 250 },
      storageAccounts: { [ACCOUNT]: { kind: 'connection-string', connectionString } },
    });
  }

  /** The body of `POST /api/v1/jobs`: the same as a job file. */
  get job(): object {
    return {
      name: DEMO_JOB,
      jobType: 'Import',
      storageAccount: ACCOUNT,
      location: 'westus',
      returnAddress: RETURN_ADDRESS,
      returnShipping: { carrierName: 'FedEx', carrierAccountNumber: '489-3726-4' },
      deliveryPackage: {
        ...{ carrierName: 'FedEx', trackingNumber: '489372641' },
        driveCount: this.driveList.length,
      },
      plan: { kind: 'image', container: CONTAINER, blobPrefix: PREFIX },
      driveList: this.driveList,
    };
  }

  /** The drive with a manifest is copied by it, the others become images. */
  get driveList(): readonly { readonly driveId: string }[] {
    const images = listedDisks().map(({ serial }) => ({ driveId: serial }));
    return 'missing' in this.prepared ? images : [...images, this.prepared.job];
  }

  async remove(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}

export function listedDisks(): readonly DemoDisk[] {
  return DEMO_DISKS.filter((disk) => disk.name !== 'stranger');
}

export function blobOf({ serial }: DemoDisk): { container: string; name: string } {
  return { container: CONTAINER, name: `${PREFIX}${safeSegment(serial)}.img` };
}

async function prepareDrive(directory: string): Promise<Scene['prepared']> {
  const missing = preparedDriveUnavailable();
  if (missing !== undefined) return { missing };
  const spec = { ...standardDrive('demo'), driveId: PREPARED_SERIAL };
  return await buildPreparedDrive(spec, { imageFile: join(directory, 'prepared.img') });
}
