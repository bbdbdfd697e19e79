/**
 * What `Operations_List` answers: the permissions of the provider, in the words of the published
 * example (`ListOperations` of 2021-01-01).
 */
export const OPERATIONS = [
  operation('locations/read', 'Locations', {
    operation: 'Get or List Locations',
    description: 'Gets the properties for the specified location or returns the list of locations.',
  }),
  operation('jobs/write', 'Jobs', {
    operation: 'Create or Update Job',
    description:
      'Creates a job with the specified parameters or update the properties or tags for the specified job.',
  }),
  operation('jobs/read', 'Jobs', {
    operation: 'Get or List Jobs',
    description: 'Gets the properties for the specified job or returns the list of jobs.',
  }),
  operation('jobs/listBitLockerKeys/action', 'Jobs', {
    operation: 'List BitLocker Keys',
    description: 'Gets the BitLocker keys for the specified job.',
  }),
  operation('jobs/delete', 'Jobs', {
    operation: 'Delete Job',
    description: 'Deletes an existing job.',
  }),
  operation('register/action', 'Import/Export Resource Provider', {
    operation: 'Registers the Import/Export Resource Provider',
    description:
      'Registers the subscription for the import/export resource provider and enables the creation of import/export jobs.',
  }),
];

function operation(
  name: string,
  resource: string,
  words: { readonly operation: string; readonly description: string },
) {
  const display = { provider: 'Microsoft Import/Export', resource, ...words };
  return { name: `Microsoft.ImportExport/${name}`, display };
}
