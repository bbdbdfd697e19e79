/**
 * Where a client finds a job. Each part is equal whatever its case (names of Azure resources differ in
 * more than case), so the ledger keys jobs by all three in lower case.
 */
export interface JobAddress {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly name: string;
}

/** None of the parts holds a slash, so the key is unambiguous, and its order is that of lists. */
export function addressKey({ subscriptionId, resourceGroup, name }: JobAddress): string {
  return `${subscriptionId}/${resourceGroup}/${name}`.toLowerCase();
}

/** The keys of one subscription, or of one resource group in it: from the first to the second. */
export function keyRange(
  subscriptionId: string,
  resourceGroup: string | undefined,
): readonly [from: string, below: string] {
  const group = resourceGroup === undefined ? '' : `/${resourceGroup}`;
  const prefix = `${subscriptionId}${group}`.toLowerCase();
  // `0` is the character after `/`.
  return [`${prefix}/`, `${prefix}0`];
}
