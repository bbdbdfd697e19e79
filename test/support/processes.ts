export * from '../../src/rehearsal/processes.ts';
