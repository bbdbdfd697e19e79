export * from '../../src/rehearsal/ledger-file.ts';
