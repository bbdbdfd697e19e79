/** Where a USB device is in sysfs. */
export interface UsbPlace {
  /** The directory of the device: `…/2-1`. */
  readonly device: string;
  /** The directory of the interface that has the disk, below its device: `…/2-1/2-1:1.0`. */
  readonly usbInterface: string;
}

/** The nearest USB device above a place in sysfs; `undefined` for what hangs on none. */
export function usbAbove(path: string): UsbPlace | undefined {
  const { device, usbInterface } =
    /^(?<usbInterface>(?<device>.*\/\d+-[\d.]+)\/\d+-[\d.]+:\d+\.\d+)\//u.exec(path)?.groups ?? {};
  return device === undefined || usbInterface === undefined ? undefined : { device, usbInterface };
}
