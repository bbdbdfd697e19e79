import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Handler, Routes } from './routes.ts';

interface Asset {
  readonly body: string;
  readonly type: string;
  readonly etag: string;
}

/** The files of lit-html that the page's import map names, and those that they import themselves. */
const LIT_FILES = ['lit-html.js', 'directive.js', 'directive-helpers.js', 'directives/repeat.js'];
const LIT_PATH = '/console/vendor/lit-html/';

const TYPES: Readonly<Record<string, string>> = {
  '.ts': 'text/javascript; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.html': 'text/html; charset=utf-8',
};

/**
 * The files of the technician's page, read once at start and kept in memory: a page and the daemon
 * that serves it are always of one version. TypeScript loses its types on the way and is served under
 * its own name, so there is no build.
 */
export class ConsoleAssets {
  readonly #assets: ReadonlyMap<string, Asset>;
  readonly #policy: string;

  private constructor(assets: ReadonlyMap<string, Asset>, policy: string) {
    this.#assets = assets;
    this.#policy = policy;
  }

  /** Reads a flat directory with `index.html` and whatever it names. Throws what reading throws. */
  static async load(directory: string): Promise<ConsoleAssets> {
    const assets = new Map<string, Asset>();
    for (const file of await readdir(directory)) {
      if (TYPES[extname(file)] === undefined || file === 'index.html') continue;
      const text = await readFile(join(directory, file), 'utf8');
      assets.set(`/console/${file}`, assetOf(file, browserText(file, text)));
    }
    for (const file of LIT_FILES) {
      assets.set(`${LIT_PATH}${file}`, assetOf(file, await readFile(litFile(file), 'utf8')));
    }
    const page = await readFile(join(directory, 'index.html'), 'utf8');
    assets.set('/', assetOf('index.html', page));
    return new ConsoleAssets(assets, policyFor(page));
  }

  routes(): Routes {
    const paths = [...this.#assets].map(([path, asset]) => {
      const handler: Handler = (request, reply) => this.#serve(asset, request, reply);
      return [path, { GET: handler }] as const;
    });
    return Object.fromEntries(paths);
  }

  #serve(asset: Asset, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    reply.headers({
      'content-security-policy': this.#policy,
      'cache-control': 'no-cache',
      etag: asset.etag,
    });
    if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send();
    return reply.type(asset.type).send(asset.body);
  }
}

function browserText(file: string, text: string): string {
  return extname(file) === '.ts' ? stripTypeScriptTypes(text) : text;
}

function assetOf(file: string, body: string): Asset {
  const type = TYPES[extname(basename(file))] ?? 'application/octet-stream';
  return { body, type, etag: `"${sha256(body).slice(0, 27)}"` };
}

/** Node's own condition of the package leads to a build for servers; the browser's lies above it. */
function litFile(file: string): string {
  const entry = import.meta.resolve('lit-html');
  const root = new URL(entry.includes('/node/') ? '../' : './', entry);
  return fileURLToPath(new URL(file, root));
}

/** Scripts and styles from here only. The one inline piece, the import map, is named by its digest. */
function policyFor(page: string): string {
  const [, importMap = ''] = /<script type="importmap">([\s\S]*?)<\/script>/u.exec(page) ?? [];
  return [
    "default-src 'none'",
    `script-src 'self' 'sha256-${sha256(importMap)}'`,
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
