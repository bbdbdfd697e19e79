import { blobPathText } from '../../domain/blob-path.ts';
import type { EndedItem } from './file-log.ts';
import { nameAt } from './outcome.ts';

const HEADINGS = ['File', 'Blob', 'Bytes', 'Status', 'Written as', 'Remarks'];

/** Which file of a tree became which blob, as a table (RFC 4180, UTF-8 with its mark for Excel). */
export async function* fileList(items: AsyncIterable<EndedItem>): AsyncGenerator<string> {
  yield `\ufeff${row(HEADINGS)}`;
  for await (const { item, outcome } of items) {
    const { status, disposition, attempt = 1, words = '' } = outcome;
    const blob = blobPathText({ container: item.container, name: nameAt(item, attempt) });
    yield row([item.filePath, blob, String(item.lengthBytes), status, disposition, words]);
  }
}

function row(cells: readonly string[]): string {
  return `${cells.map(cell).join(',')}\r\n`;
}

/** What begins like a formula is text: names on a drive are somebody else's. */
function cell(text: string): string {
  const plain = /^[=+\-@\t\r]/u.test(text) ? `'${text}` : text;
  return /[",\r\n]/u.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}
