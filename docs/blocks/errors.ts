import { ERROR_SECTIONS } from '../../src/error-help/catalogue.ts';
import type { ErrorHelp } from '../../src/error-help/contract.ts';

/** A paragraph for each code of the catalogue, under the heading of its area. */
export function errorParagraphs(): string {
  return ERROR_SECTIONS.map(({ title, help }) => {
    const entries: [string, ErrorHelp][] = Object.entries(help);
    return [`## ${title}`, ...entries.map(paragraph)].join('\n\n');
  }).join('\n\n');
}

function paragraph([code, { meaning, nextStep }]: [string, ErrorHelp]): string {
  return `### \`${code}\`\n\n${meaning}\n**Now:** ${nextStep}`;
}
