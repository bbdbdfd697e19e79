/** Who hears that the station could not do its part is built after those who tell it. */
export class Failures {
  onFailed: (error: unknown) => void = () => undefined;
}
