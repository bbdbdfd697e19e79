/**
 * MD5 in WebAssembly, because three things are needed together that no library offers: hashing in
 * place in the shared ring (no copy), a state that can be saved and resumed (a copy of days must
 * survive a restart), and two chains at once. Every block needs an MD5 of its own (Put Block verifies
 * it) and the blob needs one over everything (Content-MD5). MD5 is bound by latency, not by work, so
 * two chains interleaved over the same words cost about as much as one.
 *
 * The module is generated here, step by step as RFC 1321 section 3.4 lists them.
 */

const CHAINS = 2;
const WORDS = 4;
/** Per-round rotations, RFC 1321 section 3.4. */
const ROTATIONS = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;

const OP = {
  loop: 0x03,
  end: 0x0b,
  branchIf: 0x0d,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  load: 0x28,
  store: 0x36,
  constant: 0x41,
  lessUnsigned: 0x49,
  add: 0x6a,
  and: 0x71,
  or: 0x72,
  xor: 0x73,
  rotateLeft: 0x77,
} as const;
const I32 = 0x7f;
const ALIGN_4 = 2;

/** Parameters: first byte, byte after the last (a multiple of 64 further), address of the states. */
const AT = 0;
const END = 1;
const STATE = 2;
const word = (chain: number, index: number) => 3 + chain * WORDS + index;
const saved = (chain: number, index: number) => word(CHAINS + chain, index);
const MESSAGE = word(2 * CHAINS, 0);

function unsigned(value: number): number[] {
  const out: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    out.push(rest === 0 ? low : low | 0x80);
  } while (rest !== 0);
  return out;
}

function signed(value: number): number[] {
  const out: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
    out.push(done ? low : low | 0x80);
    if (done) return out;
  }
}

const get = (local: number) => [OP.localGet, ...unsigned(local)];
const set = (local: number) => [OP.localSet, ...unsigned(local)];
const constant = (value: number) => [OP.constant, ...signed(value)];
const load = (offset: number) => [OP.load, ALIGN_4, ...unsigned(offset)];
const store = (offset: number) => [OP.store, ALIGN_4, ...unsigned(offset)];
const not = (local: number) => [...get(local), ...constant(-1), OP.xor];

function messageIndex(step: number): number {
  const round = step >> 4;
  if (round === 0) return step;
  if (round === 1) return (5 * step + 1) & 15;
  return round === 2 ? (3 * step + 5) & 15 : (7 * step) & 15;
}

/** The round function, added to what is on the stack; G's halves share no bit, so they are added. */
function addRoundFunction(round: number, b: number, c: number, d: number): number[] {
  if (round === 0) {
    return [...get(c), ...get(d), OP.xor, ...get(b), OP.and, ...get(d), OP.xor, OP.add];
  }
  if (round === 1) {
    return [...not(d), ...get(c), OP.and, OP.add, ...get(d), ...get(b), OP.and, OP.add];
  }
  if (round === 2) return [...get(c), ...get(d), OP.xor, ...get(b), OP.xor, OP.add];
  return [...not(d), ...get(b), OP.or, ...get(c), OP.xor, OP.add];
}

function stepCode(step: number): number[] {
  const round = step >> 4;
  const sine = Math.floor(Math.abs(Math.sin(step + 1)) * 2 ** 32) | 0;
  const rotation = ROTATIONS[round as 0 | 1 | 2 | 3][(step & 3) as 0 | 1 | 2 | 3];
  const code = [...get(AT), ...load(messageIndex(step) * 4), ...constant(sine), OP.add];
  code.push(...set(MESSAGE));
  for (let chain = 0; chain < CHAINS; chain++) {
    const local = (index: number) => word(chain, (index + 64 - step) % WORDS);
    const [a, b, c, d] = [local(0), local(1), local(2), local(3)];
    code.push(...get(b), ...get(a), ...get(MESSAGE), OP.add);
    code.push(...addRoundFunction(round, b, c, d));
    code.push(...constant(rotation), OP.rotateLeft, OP.add, ...set(a));
  }
  return code;
}

function functionBody(): number[] {
  const each = (code: (chain: number, index: number) => number[]) =>
    Array.from({ length: CHAINS * WORDS }, (_, i) => code(i >> 2, i & 3)).flat();
  const address = (chain: number, index: number) => (chain * WORDS + index) * 4;
  return [
    ...each((c, i) => [...get(STATE), ...load(address(c, i)), ...set(word(c, i))]),
    OP.loop,
    0x40,
    ...each((c, i) => [...get(word(c, i)), ...set(saved(c, i))]),
    ...Array.from({ length: 64 }, (_, step) => stepCode(step)).flat(),
    ...each((c, i) => [...get(word(c, i)), ...get(saved(c, i)), OP.add, ...set(word(c, i))]),
    ...[...get(AT), ...constant(64), OP.add, OP.localTee, ...unsigned(AT)],
    ...[...get(END), OP.lessUnsigned, OP.branchIf, 0],
    OP.end,
    ...each((c, i) => [...get(STATE), ...get(word(c, i)), ...store(address(c, i))]),
    OP.end,
  ];
}

/** The WebAssembly module: imports `ring.memory` (shared), exports `chunks(at, end, state)`. */
export function md5Module(): WebAssembly.Module {
  const section = (id: number, content: number[]) => [id, ...unsigned(content.length), ...content];
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const locals = 2 * CHAINS * WORDS + 1;
  const code = [1, ...unsigned(locals), I32, ...functionBody()];
  const sharedMemory = [2, 3, ...unsigned(1), ...unsigned(65_536)];
  return new WebAssembly.Module(
    new Uint8Array([
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, [1, 0x60, 3, I32, I32, I32, 0]),
      ...section(2, [1, ...name('ring'), ...name('memory'), ...sharedMemory]),
      ...section(3, [1, 0]),
      ...section(7, [1, ...name('chunks'), 0, 0]),
      ...section(10, [1, ...unsigned(code.length), ...code]),
    ]),
  );
}
