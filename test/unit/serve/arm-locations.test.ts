import { describe, expect, it } from 'vitest';
import { configSchema } from '../../../src/config.ts';
import { LocationBook } from '../../../src/serve/locations.ts';

const OWN = {
  recipientName: 'Contoso Ingest, dock 4',
  streetAddress1: '1 Example Way',
  city: 'Redmond',
  postalCode: '98052',
  countryOrRegion: 'USA',
};

describe('the book of locations', () => {
  const { locations } = configSchema.parse({ locations: { 'West US': OWN, 'Dock 4': OWN } });
  const book = new LocationBook(locations);

  it('has the published regions, in either spelling, each with an id and carriers', () => {
    expect(book.all()).toHaveLength(29);
    for (const spelling of ['eastus', 'East US', 'EAST US']) {
      expect(book.find(spelling)).toMatchObject({
        id: '/providers/Microsoft.ImportExport/locations/eastus',
        name: 'East US',
        type: 'Microsoft.ImportExport/locations',
        properties: { city: 'Ashburn', supportedCarriers: expect.arrayContaining(['UPS']) },
      });
    }
  });

  it('puts the site’s own address in the place of the published one', () => {
    expect(book.shippingAddress('westus')).toMatchObject({ ...OWN, streetAddress2: '', phone: '' });
    const alternateLocations = ['/providers/Microsoft.ImportExport/locations/westus'];
    expect(book.find('westus')).toMatchObject({
      name: 'West US',
      properties: { alternateLocations },
    });
    expect(new LocationBook({}).shippingAddress('westus')).toMatchObject({ city: 'Santa Clara' });
  });

  it('knows places of the site’s own by the name they were given', () => {
    expect([book.knows('dock4'), book.display('dock4')]).toEqual([true, 'Dock 4']);
    expect([book.knows('atlantis'), book.find('atlantis')]).toEqual([false, undefined]);
    expect(book.knows('constructor')).toBe(false);
  });

  it('knows a region without a published address, and has none for it', () => {
    expect([book.knows('francesouth'), book.display('francesouth')]).toEqual([
      true,
      'France South',
    ]);
    expect(book.shippingAddress('francesouth')).toBeUndefined();
  });
});
