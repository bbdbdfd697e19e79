export { type Azurite, type AzuriteOptions, startAzurite } from '../../src/demo/azurite.ts';
