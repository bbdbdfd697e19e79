export * from '../../src/rehearsal/daemon.ts';
