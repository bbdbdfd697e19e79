import {
  DRIVE_LOG_VERSION,
  type DriveLog,
  type LogBlob,
  type LogPath,
  type LogRanges,
  type LogSideFile,
} from './drive-log.ts';
import { XmlWriter } from './xml-writer.ts';

/**
 * The log as XML, in the order of the grammar, in pieces of about 64 Ki characters. A piece is made
 * when it is asked for: that is the back-pressure, and a million blobs or 50,000 blocks take no more
 * memory than one.
 */
export async function* driveLogXml(log: DriveLog): AsyncGenerator<string> {
  const xml = new XmlWriter();
  xml.open('DriveLog', { Version: DRIVE_LOG_VERSION });
  xml.text('DriveId', log.driveId);
  for await (const blob of log.blobs) yield* blobXml(xml, blob);
  xml.text('Status', log.status()).close();
  xml.end();
  yield xml.take();
}

async function* blobXml(xml: XmlWriter, blob: LogBlob): AsyncGenerator<string> {
  xml.open('Blob', { Status: blob.status });
  xml.text('BlobPath', blob.blobPath);
  xml.text('FilePath', blob.filePath);
  if (blob.snapshot !== undefined) xml.text('Snapshot', blob.snapshot);
  xml.text('Length', blob.length);
  if (blob.lastModified !== undefined) xml.text('LastModified', blob.lastModified);
  if (blob.disposition !== undefined) {
    const { value, status } = blob.disposition;
    xml.text('ImportDisposition', value, { Status: status });
  }
  if (blob.ranges !== undefined) yield* rangesXml(xml, blob.ranges);
  if (blob.metadata !== undefined) sideFileXml(xml, 'Metadata', blob.metadata);
  if (blob.properties !== undefined) sideFileXml(xml, 'Properties', blob.properties);
  xml.close();
  if (xml.full) yield xml.take();
}

async function* rangesXml(xml: XmlWriter, ranges: LogRanges): AsyncGenerator<string> {
  xml.open(ranges.kind === 'pages' ? 'PageRangeList' : 'BlockList');
  for await (const element of elementsOf(ranges)) {
    xml.open(element.name, element.attributes).close();
    if (xml.full) yield xml.take();
  }
  xml.close();
}

async function* elementsOf(ranges: LogRanges) {
  if (ranges.kind === 'pages') {
    for await (const { offset, length, hash, status } of ranges.list) {
      const attributes = { Offset: offset, Length: length, Hash: hash, Status: status };
      yield { name: 'PageRange', attributes };
    }
    return;
  }
  for await (const { offset, length, id, hash, status } of ranges.list) {
    const attributes = { Offset: offset, Length: length, Id: id, Hash: hash, Status: status };
    yield { name: 'Block', attributes };
  }
}

function sideFileXml(xml: XmlWriter, name: string, file: LogSideFile): void {
  xml.open(name, { Status: file.status });
  pathXml(xml, 'GlobalPath', file.globalPath);
  pathXml(xml, 'Path', file.path);
  xml.close();
}

function pathXml(xml: XmlWriter, name: string, file: LogPath | undefined): void {
  if (file !== undefined) xml.text(name, file.path, { Hash: file.hash });
}
