/** Reads with O_DIRECT need aligned memory, which a WebAssembly memory is. */
export function alignedBuffer(lengthBytes: number): Buffer {
  const pages = Math.ceil(lengthBytes / 65_536);
  const { buffer } = new WebAssembly.Memory({ initial: pages, maximum: pages });
  return Buffer.from(buffer, 0, lengthBytes);
}
