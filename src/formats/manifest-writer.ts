import { blobPathText } from '../domain/blob-path.ts';
import type { ManifestBlob, ManifestContent, SideFile, SideFiles } from '../domain/manifest.ts';
import type { Manifest } from './manifest.ts';
import { XmlWriter } from './xml-writer.ts';

export const MANIFEST_VERSION = '2014-11-01';

/**
 * The manifest as XML, in the order of the grammar, in pieces of about 64 Ki characters. A piece is
 * made when it is asked for: two million blobs take no more memory than one.
 *
 * Nothing is escaped beyond what XML demands, because other programs read it: a path with a control
 * character is a `RangeError`. The rules of ranges are not checked here.
 */
export async function* driveManifestXml(manifest: Manifest): AsyncGenerator<string> {
  const xml = new XmlWriter({ exactText: true });
  xml.open('DriveManifest', { Version: manifest.version }).open('Drive');
  xml.text('DriveId', manifest.driveId);
  credentialXml(xml, manifest.credential);
  if (manifest.clientCreator !== undefined) xml.text('ClientCreator', manifest.clientCreator);
  for await (const { id, blobs, ...sideFiles } of manifest.lists) {
    xml.open('BlobList', { Id: id });
    sideFilesXml(xml, sideFiles);
    for await (const blob of blobs) {
      yield* blobXml(xml, blob);
      if (xml.full) yield xml.take();
    }
    xml.close();
  }
  xml.end();
  yield xml.take();
}

function credentialXml(xml: XmlWriter, credential: Manifest['credential']): void {
  if (credential === undefined) return;
  const name = credential.kind === 'account-key' ? 'StorageAccountKey' : 'ContainerSas';
  xml.text(name, credential.secret);
}

function* blobXml(xml: XmlWriter, blob: ManifestBlob): Generator<string> {
  xml.open('Blob');
  xml.text('BlobPath', blobPathText(blob.path));
  xml.text('FilePath', blob.filePath);
  if (blob.snapshot !== undefined) xml.text('Snapshot', blob.snapshot);
  xml.text('Length', blob.length);
  xml.text('ImportDisposition', blob.disposition);
  yield* contentXml(xml, blob.content);
  sideFilesXml(xml, blob);
  xml.close();
}

function* contentXml(xml: XmlWriter, content: ManifestContent): Generator<string> {
  const isBlocks = content.kind === 'blocks';
  xml.open(isBlocks ? 'BlockList' : 'PageRangeList');
  for (const range of content.list) {
    const { offset, length, hash } = range;
    const id = 'id' in range ? range.id : undefined;
    const attributes = { Offset: offset, Length: length, Id: id, Hash: hash.hex };
    xml.open(isBlocks ? 'Block' : 'PageRange', attributes).close();
    if (xml.full) yield xml.take();
  }
  xml.close();
}

function sideFilesXml(xml: XmlWriter, { metadata, properties }: SideFiles): void {
  sideFileXml(xml, 'MetadataPath', metadata);
  sideFileXml(xml, 'PropertiesPath', properties);
}

function sideFileXml(xml: XmlWriter, name: string, file: SideFile | undefined): void {
  if (file !== undefined) xml.text(name, file.path, { Hash: file.hash.hex });
}
