export * from '../../src/rehearsal/disks.ts';
