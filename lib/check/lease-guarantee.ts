// Lease guarantee: what a store promises of leases, each as one text.

export const leaseGuarantees = {
  leaseLives: 'a lease lives for its time to live from its last acknowledged grant or renewal, less what clocks err, unless it is revoked',
  leaseEnds: 'a lease that nobody renews is gone within its time to live and the bound, once one leader leads',
  leaseGoneForEver: 'a lease that was told gone is never there again',
  leaseKeysGone: 'the keys of a lease are gone once it is',
  leaseKeysTogether: 'the keys of a lease go together',
  leaseKeysTrue: 'the keys that a lease is told to have are those that were attached to it',
  leaseTimeTrue:
    'a lease lives for at least as long as it was told to have left, less what clocks err, and never has more left than it was granted'
} as const
