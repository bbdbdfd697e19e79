export * from '../../src/rehearsal/rig.ts';
