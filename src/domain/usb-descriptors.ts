/**
 * The descriptors of a USB device, as the kernel keeps them: each begins with its length and its type
 * (Universal Serial Bus Specification, 9.5). An interface names its class, subclass and protocol; of the
 * settings that it can be switched to, each has a descriptor of its own.
 */

const INTERFACE = 4;
const MASS_STORAGE = 0x08;
const SCSI = 0x06;
/** "Bulk-only transport", what `usb-storage` speaks; UAS is 0x62. */
const BULK_ONLY = 0x50;

/** Whether a mass storage device can also be driven without UAS; a few cannot. */
export function speaksBulkOnly(descriptors: Uint8Array): boolean {
  for (let at = 0; at + 1 < descriptors.length; ) {
    const [length = 0, type] = descriptors.subarray(at);
    if (length < 2) return false;
    const [usbClass, subclass, protocol] = descriptors.subarray(at + 5, at + 8);
    const isBulkOnly = usbClass === MASS_STORAGE && subclass === SCSI && protocol === BULK_ONLY;
    if (type === INTERFACE && length >= 9 && isBulkOnly) return true;
    at += length;
  }
  return false;
}
