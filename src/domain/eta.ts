/** How long a copy still takes, as a range: one number would promise what nobody knows. */
export interface EtaRange {
  readonly lowSeconds: number;
  readonly highSeconds: number;
}

export interface EtaInput {
  readonly totalBytes: number;
  readonly doneBytes: number;
  /** The rate now, bytes per second. */
  readonly rateBytesPerSecond: number;
  readonly rotational: boolean;
}

/** A disk's inner tracks deliver about half of its outer ones, so the rate falls as the copy goes in. */
const INNER_TO_OUTER_RATE = 0.5;
/** Rates wander by a fifth on a shared bus or network, whatever the medium. */
const RATE_UNCERTAINTY = 0.2;

/**
 * The remaining time. The low end takes today's rate to the end; the high end follows the zone curve
 * of a rotating disk (rate falling linearly from the outer to the inner tracks), because an estimate
 * from the first hour is otherwise up to 40 % short. `undefined` while nothing moves.
 */
export function estimateRemaining(input: EtaInput): EtaRange | undefined {
  const { totalBytes, doneBytes, rateBytesPerSecond } = input;
  const remaining = totalBytes - doneBytes;
  if (remaining <= 0) return { lowSeconds: 0, highSeconds: 0 };
  if (!(rateBytesPerSecond > 0)) return undefined;
  const flat = remaining / rateBytesPerSecond;
  const late = input.rotational ? zoneSeconds(input) : flat;
  return {
    lowSeconds: Math.floor(flat * (1 - RATE_UNCERTAINTY)),
    highSeconds: Math.ceil(late * (1 + RATE_UNCERTAINTY)),
  };
}

/** Integral of dx / rate(x) from here to the end, with rate(x) = outer * (1 - fall * x). */
function zoneSeconds({ totalBytes, doneBytes, rateBytesPerSecond }: EtaInput): number {
  const fall = 1 - INNER_TO_OUTER_RATE;
  const here = 1 - fall * (doneBytes / totalBytes);
  const outerRate = rateBytesPerSecond / here;
  return (totalBytes / outerRate / fall) * Math.log(here / INNER_TO_OUTER_RATE);
}
