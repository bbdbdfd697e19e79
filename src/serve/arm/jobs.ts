import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { Actor, JobWithDrives, Ledger } from '../../ledger/contract.ts';
import { armJob } from '../arm-job.ts';
import type { LocationBook } from '../locations.ts';
import { jobAddressOf, type NamedJob } from './address.ts';
import { type ArmAnswer, notFound, refusal, refusalOf } from './answer.ts';
import { accountName, type PutBody, patchBody, putBody } from './body.ts';
import { contentOf } from './content.ts';
import { newJobOf, updateOf } from './new-job.ts';

/** What the ARM surface needs. */
export interface ArmDependencies {
  readonly ledger: Ledger;
  readonly locations: LocationBook;
  /** Names of the configured storage accounts. */
  readonly storageAccounts: readonly string[];
  /** Asks for a round of decisions about jobs that were changed; resolves when it was made. */
  changed(): Promise<void>;
}

/** The operations on one job: `Jobs_Get`, `_Create`, `_Update`, `_Delete` and `BitLockerKeys_List`. */
export class ArmJobs {
  readonly #deps: ArmDependencies;

  constructor(dependencies: ArmDependencies) {
    this.#deps = dependencies;
  }

  async get(request: FastifyRequest): Promise<ArmAnswer> {
    return await this.#ofJob(request, async ({ job, drives }) => this.#shown({ job, drives }));
  }

  async put(request: FastifyRequest, actor: Actor): Promise<ArmAnswer> {
    const address = jobAddressOf(request.params);
    if (!address.ok) return address.refusal;
    const content = contentOf(putBody, request.body);
    if (!content.ok) return await this.#noted('replace', address.value, content.refusal, actor);
    const reference = this.#wrongReference(content.value);
    if (reference !== undefined) {
      return await this.#noted('replace', address.value, reference, actor);
    }
    return await answered(async () => {
      const { created, ...made } = await this.#deps.ledger.putJob(
        newJobOf(address.value, content.value),
        actor,
      );
      await this.#deps.changed();
      const { location } = made.job.details;
      return { ...this.#shown(made, location), status: created ? 201 : 200 };
    });
  }

  async patch(request: FastifyRequest, actor: Actor): Promise<ArmAnswer> {
    return await this.#ofJob(request, async ({ job }, address) => {
      const content = contentOf<z.ZodType<z.output<typeof patchBody>>>(patchBody, request.body);
      if (!content.ok) return await this.#noted('update', address, content.refusal, actor);
      const updated = await this.#deps.ledger.updateJob(job.id, updateOf(content.value), actor);
      await this.#deps.changed();
      return this.#shown(updated);
    });
  }

  async delete(request: FastifyRequest, actor: Actor): Promise<ArmAnswer> {
    return await this.#ofJob(request, async ({ job }) => {
      await this.#deps.ledger.deleteJob(job.id, actor);
      await this.#deps.changed();
      return { status: 200 };
    });
  }

  async listBitLockerKeys(request: FastifyRequest): Promise<ArmAnswer> {
    return await this.#ofJob(request, async ({ job }) => {
      return { status: 200, body: { value: await this.#deps.ledger.bitLockerKeys(job.id) } };
    });
  }

  async #ofJob(
    request: FastifyRequest,
    work: (found: JobWithDrives, address: NamedJob) => Promise<ArmAnswer>,
  ): Promise<ArmAnswer> {
    const address = jobAddressOf(request.params);
    if (!address.ok) return address.refusal;
    const job = await this.#deps.ledger.jobAt(address.value);
    if (job === undefined) return notFound(address.value.name, address.value.resourceGroup);
    return await answered(async () => {
      const drives = await this.#deps.ledger.drivesOf(job.id);
      return await work({ job, drives }, address.value);
    });
  }

  #shown({ job, drives }: JobWithDrives, location?: string): ArmAnswer {
    const { locations } = this.#deps;
    const body = armJob(job, drives, {
      locations,
      ...(location === undefined ? {} : { location }),
    });
    return { status: 200, body };
  }

  /** A location or a storage account that this station does not have. */
  #wrongReference({ location, properties }: PutBody): ArmAnswer | undefined {
    const { locations, storageAccounts } = this.#deps;
    if (!locations.knows(location)) {
      const message = `The provided location '${location}' is not available for resource type 'Microsoft.ImportExport/jobs'. List of available locations is '${locations.names.join(',')}'.`;
      const code = 'LocationNotAvailableForResourceType';
      return refusal(400, { code, message, target: 'location' });
    }
    const account = accountName(properties.storageAccountId);
    if (storageAccounts.includes(account)) return undefined;
    const message = `The storage account '${account}' is not configured at this station (known: ${storageAccounts.join(', ') || 'none'}).`;
    const target = 'properties.storageAccountId';
    return refusal(400, { code: 'StorageAccountNotFound', message, target });
  }

  /** A change of an existing job that is refused for its content is in the event log as well. */
  async #noted(
    what: 'replace' | 'update',
    address: NamedJob,
    answer: ArmAnswer,
    actor: Actor,
  ): Promise<ArmAnswer> {
    const job = await this.#deps.ledger.jobAt(address);
    if (job !== undefined) {
      const data = {
        from: job.state.name,
        property: 'properties',
        reason: 'the request was invalid',
      };
      await this.#deps.ledger.note(`job/${job.id}`, `${what}-refused`, data, actor);
    }
    return answer;
  }
}

async function answered(work: () => Promise<ArmAnswer>): Promise<ArmAnswer> {
  try {
    return await work();
  } catch (error) {
    return refusalOf(error);
  }
}
