import { z } from 'zod';
import published from './arm/published-locations.json' with { type: 'json' };

/**
 * Display names of the public regions. The Import/Export service takes `westus` and answers `West US`
 * (recordings of the real service, 2020 and 2023; the names are from its list of locations).
 */
const DISPLAY_NAMES: Readonly<Record<string, string>> = {
  australiacentral: 'Australia Central',
  australiacentral2: 'Australia Central 2',
  australiaeast: 'Australia East',
  australiasoutheast: 'Australia Southeast',
  brazilsouth: 'Brazil South',
  canadacentral: 'Canada Central',
  canadaeast: 'Canada East',
  centralindia: 'Central India',
  centralus: 'Central US',
  eastasia: 'East Asia',
  eastus: 'East US',
  eastus2: 'East US 2',
  francecentral: 'France Central',
  francesouth: 'France South',
  germanynorth: 'Germany North',
  germanywestcentral: 'Germany West Central',
  japaneast: 'Japan East',
  japanwest: 'Japan West',
  koreacentral: 'Korea Central',
  koreasouth: 'Korea South',
  northcentralus: 'North Central US',
  northeurope: 'North Europe',
  norwayeast: 'Norway East',
  norwaywest: 'Norway West',
  southafricanorth: 'South Africa North',
  southafricawest: 'South Africa West',
  southcentralus: 'South Central US',
  southeastasia: 'Southeast Asia',
  southindia: 'South India',
  switzerlandnorth: 'Switzerland North',
  switzerlandwest: 'Switzerland West',
  uaecentral: 'UAE Central',
  uaenorth: 'UAE North',
  uksouth: 'UK South',
  ukwest: 'UK West',
  westcentralus: 'West Central US',
  westeurope: 'West Europe',
  westindia: 'West India',
  westus: 'West US',
  westus2: 'West US 2',
};

/** The display name of a region; a region that is not known stays as it was given. */
function displayLocation(location: string): string {
  const key = keyOf(location);
  return Object.hasOwn(DISPLAY_NAMES, key) ? (DISPLAY_NAMES[key] ?? location) : location;
}

const address = z.strictObject({
  recipientName: z.string(),
  streetAddress1: z.string(),
  streetAddress2: z.string().exactOptional(),
  city: z.string(),
  stateOrProvince: z.string().exactOptional(),
  postalCode: z.string(),
  countryOrRegion: z.string(),
  phone: z.string().exactOptional(),
});
export type ShippingAddress = z.output<typeof address>;

const publishedLocations = z.array(
  z.strictObject({
    name: z.string(),
    address,
    supportedCarriers: z.array(z.string()),
    alternateLocations: z.array(z.string()),
  }),
);

interface Place {
  readonly name: string;
  readonly address: ShippingAddress;
  readonly supportedCarriers: readonly string[];
  readonly alternateLocations: readonly string[];
}

/** Carriers of a location that is configured without any. */
const CARRIERS = ['DHL', 'FedEx', 'UPS'];
const ID = '/providers/Microsoft.ImportExport/locations/';

/**
 * The places that parcels go to. A place that is configured is this site's own; the others are those
 * of the service's published list, as recorded in April 2020, so that clients find what they expect.
 */
export class LocationBook {
  readonly #places: ReadonlyMap<string, Place>;

  /** `own` by location: `westus`, `West US` or a name of the site's own. */
  constructor(own: Readonly<Record<string, ShippingAddress>>) {
    const places = new Map<string, Place>();
    for (const place of publishedLocations.parse(published)) places.set(keyOf(place.name), place);
    for (const [given, place] of Object.entries(own)) {
      const name = displayLocation(given);
      const alternateLocations = [keyOf(name)];
      const supportedCarriers = CARRIERS;
      places.set(keyOf(name), { name, address: place, supportedCarriers, alternateLocations });
    }
    this.#places = places;
  }

  /** Regions and configured places; a region that the list lacks has no address. */
  knows(location: string): boolean {
    const key = keyOf(location);
    return this.#places.has(key) || Object.hasOwn(DISPLAY_NAMES, key);
  }

  /** The name to show: of the place where there is one, else of the region. */
  display(location: string): string {
    return this.#places.get(keyOf(location))?.name ?? displayLocation(location);
  }

  get names(): string[] {
    return [...this.#places.keys()].sort();
  }

  all(): unknown[] {
    return [...this.#places].map(([key, place]) => resourceOf(key, place));
  }

  /** As `Locations_Get` answers it; the name in either spelling. */
  find(location: string): unknown {
    const place = this.#places.get(keyOf(location));
    return place === undefined ? undefined : resourceOf(keyOf(location), place);
  }

  shippingAddress(location: string): ShippingAddress | undefined {
    return this.#places.get(keyOf(location))?.address;
  }
}

function resourceOf(key: string, place: Place) {
  const { name, supportedCarriers } = place;
  const alternateLocations = place.alternateLocations.map((other) => `${ID}${other}`);
  return {
    properties: { ...place.address, supportedCarriers, alternateLocations },
    id: `${ID}${key}`,
    name,
    type: 'Microsoft.ImportExport/locations',
  };
}

function keyOf(location: string): string {
  return location.toLowerCase().replaceAll(' ', '');
}
