import { readFileSync } from 'node:fs';
import { z } from 'zod';
import {
  DEVELOPMENT_REASONS,
  OPTIONAL_REASONS,
  type Reason,
  RUNTIME_REASONS,
} from '../dependencies.ts';
import { HOUSE } from '../house.ts';
import { code } from './markdown.ts';

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({ version: z.string().optional(), license: z.string().optional() }),
  ),
});

/** What `package.json` lists, by the name of the list. */
const manifestSchema = z.object({
  dependencies: z.record(z.string(), z.string()),
  devDependencies: z.record(z.string(), z.string()),
  optionalDependencies: z.record(z.string(), z.string()),
});

export const readManifest = () => manifestSchema.parse(readJson('package.json'));

export const runtimeDependencies = () => paragraphs(RUNTIME_REASONS);
export const optionalDependencies = () => paragraphs(OPTIONAL_REASONS);
export const developmentDependencies = () => paragraphs(DEVELOPMENT_REASONS);

function paragraphs(reasons: Readonly<Record<string, Reason>>): string {
  const lock = lockSchema.parse(readJson('package-lock.json'));
  return Object.entries(reasons)
    .map(([name, reason]) => {
      const { version = '?', license = '?' } = lock.packages[`node_modules/${name}`] ?? {};
      return paragraph(name, reason, `${version}, ${license}`);
    })
    .join('\n\n');
}

function paragraph(name: string, reason: Reason, state: string): string {
  const lines = [
    `### ${code(name)} (${state})`,
    '',
    `- **For:** ${reason.use}. ${placesOf(name, reason)}`,
    `- **Why:** ${reason.why}`,
    ...(reason.distrust === undefined ? [] : [`- **Not trusted with:** ${reason.distrust}`]),
  ];
  return lines.join('\n');
}

function placesOf(name: string, { elsewhere }: Reason): string {
  const rooms = HOUSE.filter(({ packages }) => packages.includes(name));
  const places = rooms.map((room) => code(`src/${room.name}`));
  if (elsewhere !== undefined) places.push(elsewhere);
  return places.length === 0 ? 'Not used yet.' : `In ${places.join(', ')}.`;
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'));
}
