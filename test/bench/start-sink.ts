import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

/** Starts the sink in a process of its own; whoever starts it ends it. Each request takes `delayMs`. */
export async function startSink(delayMs = 0): Promise<{ port: number; child: ChildProcess }> {
  const sink = new URL('./sink.ts', import.meta.url).pathname;
  const args = ['--disable-warning=ExperimentalWarning', sink, String(delayMs)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const stdout = child.stdout;
  if (stdout === null) throw new RangeError('the sink has no output');
  const [line] = await once(stdout, 'data');
  return { port: Number(String(line).trim()), child };
}

/** The sink as a storage account. */
export function sinkAccount(port: number) {
  const key = Buffer.from('bench').toString('base64');
  const endpoint = `http://127.0.0.1:${port}/bench`;
  const connectionString = `DefaultEndpointsProtocol=http;AccountName=bench;AccountKey=${key};BlobEndpoint=${endpoint};`;
  return { kind: 'connection-string', connectionString } as const;
}
