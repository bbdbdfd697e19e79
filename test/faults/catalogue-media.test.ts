import { playGroup } from '../support/catalogue.ts';

await playGroup('media');
