import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { readManifest } from '../../docs/blocks/dependencies.ts';
import { DEVELOPMENT_REASONS, OPTIONAL_REASONS, RUNTIME_REASONS } from '../../docs/dependencies.ts';
import { PAGES, readPage, renderPage } from '../../docs/generate.ts';
import { alertsCommand } from '../../src/commands/alerts.ts';
import { drivesCommand } from '../../src/commands/drives.ts';
import { extrasCommand } from '../../src/commands/extras.ts';
import { jobCommand } from '../../src/commands/job.ts';
import { rehearseCommand } from '../../src/commands/rehearse.ts';
import { watchCommand } from '../../src/commands/watch.ts';
import { loadConfig } from '../../src/config.ts';
import { ERROR_SECTIONS, nextStepFor } from '../../src/error-help/catalogue.ts';
import { readJobFile } from '../../src/job-file.ts';

const namesOf = (list: object) => Object.keys(list).sort();
const CODES = ERROR_SECTIONS.flatMap(({ help }) => Object.keys(help));
const HANDWRITTEN = ['OPERATIONS.md', 'PROTOCOL.md', '../README.md'];

describe('generated pages', () => {
  test.each(Object.keys(PAGES))('%s says what the code says (else: npm run docs)', (page) => {
    expect(readPage(page)).toBe(renderPage(page));
  });

  test('a value that was changed by hand is put right again', () => {
    const rendered = renderPage('LIMITS.md');
    const changed = rendered.replace('| `RING_BYTES` | 64 MiB |', '| `RING_BYTES` | 65 MiB |');
    expect(changed).not.toBe(rendered);
    expect(renderPage('LIMITS.md', changed)).toBe(rendered);
  });

  test('a page that lost its markers is refused', () => {
    expect(() => renderPage('LIMITS.md', '# Limits')).toThrow('no markers for limits');
  });

  test.each([
    ['dependencies', RUNTIME_REASONS],
    ['optionalDependencies', OPTIONAL_REASONS],
    ['devDependencies', DEVELOPMENT_REASONS],
  ] as const)('every package of %s has its reason, and no other', (list, reasons) => {
    expect(namesOf(reasons)).toEqual(namesOf(readManifest()[list]));
  });
});

describe('errors', () => {
  test('every code that decides how a copy ends is in the catalogue', async () => {
    const endings = await readFile('src/work/copy-ending.ts', 'utf8');
    const decides = /function endingOf[\s\S]*?\n\}/u.exec(endings)?.[0] ?? '';
    const codes = [...decides.matchAll(/case '([a-z-]+)':/gu)].map(([, code]) => code);
    expect(codes).toContain('disk-content-changed');
    expect(codes.filter((code) => !CODES.includes(code ?? ''))).toEqual([]);
  });

  test('a drive that faulted for an unknown reason still has a next step', () => {
    expect(nextStepFor('disk-busy')).toContain('press Retry');
    expect(nextStepFor('no-such-code')).toBe(nextStepFor('internal-error'));
  });

  test('the page names no code that the catalogue does not have', () => {
    const headings = [...readPage('ERRORS.md').matchAll(/^### `(.+)`$/gmu)].map(([, code]) => code);
    expect(headings).toEqual(CODES);
  });
});

describe('the usual days', () => {
  const roots = [
    jobCommand(),
    drivesCommand(),
    extrasCommand(),
    alertsCommand(),
    watchCommand(),
    rehearseCommand(),
  ];
  const known = roots.flatMap((root) => [
    root.name(),
    ...root.commands.map((sub) => `${root.name()} ${sub.name()}`),
  ]);

  test('name only commands that there are, and every way of a job', async () => {
    const text = await readFile('docs/OPERATIONS.md', 'utf8');
    const pattern =
      /drive-station ((?:job|drives|extras|alerts|watch|rehearse)(?: [a-z][a-z-]+(?=[ `\n]))?)/gu;
    const named = [...text.matchAll(pattern)].map(([, command]) => command ?? '');
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
    const ways = ['put-aside', 'cancel', 'wait-longer', 'stop-waiting', 'resume', 'return'];
    for (const way of ways) expect(named).toContain(`job ${way}`);
  });
});

describe('what a stranger starts from', () => {
  test('the configuration in config/ is one', async () => {
    const config = await loadConfig('config/station.yaml');
    expect(config.http).toEqual({ host: '127.0.0.1', port: 8380 });
  });

  test.each(['config/examples/job.yaml', 'config/examples/job-full.yaml'])(
    '%s is a job',
    async (file) => {
      expect((await readJobFile(file)).drives.length).toBeGreaterThan(0);
    },
  );

  test.each([...Object.keys(PAGES), ...HANDWRITTEN])('links of %s lead somewhere', async (page) => {
    const base = new URL(`../../docs/${page}`, import.meta.url);
    const text = await readFile(base, 'utf8');
    const targets = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/gu)].map(([, to]) => to ?? '');
    expect(targets.filter((to) => !existsSync(new URL(to, base)))).toEqual([]);
  });
});
