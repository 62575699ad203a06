// Habitats: where animals are looked for: a runner, from a seed to what it found broken, and what the runs are told beside the seed.
//
// A habitat is a mixture of load, limits and faults under which a class of bugs shows itself soon. The code as it is passes all of them.

import type { ClusterRunPlan, StoreMix, StorePlan } from '../../lib/chaos/index.js'
import type { StormPlan } from '../raft/storm.js'
import type { TalkPlan } from './talk-seed.js'

/** What a runner gives, beside whatever else it tells. */
export interface Finding {
  readonly violations: readonly { readonly guarantee: string; readonly excerpt: string }[]
}

/** Modules that export `runSeed(seed, overrides): Finding`. */
export const runners = {
  raft: 'test/zoo/raft-seed.ts',
  talk: 'test/zoo/talk-seed.ts',
  store: 'test/zoo/store-seed.ts',
  lease: 'test/zoo/lease-seed.ts',
  auth: 'test/zoo/auth-seed.ts',
  cluster: 'test/zoo/cluster-seed.ts'
} as const

interface HabitatOf<R extends keyof typeof runners, Overrides> {
  readonly runner: R
  readonly overrides: Partial<Overrides>
  /** What it is for. */
  readonly what: string
}
export type Habitat =
  | HabitatOf<'raft', StormPlan>
  | HabitatOf<'talk', TalkPlan>
  | HabitatOf<'store', StorePlan>
  | HabitatOf<'lease', StorePlan>
  | HabitatOf<'auth', StorePlan>
  | HabitatOf<'cluster', ClusterRunPlan>

const impatient = { heartbeatTicks: 1, electionTicks: 3, electionJitterTicks: 4, retryTicks: 2 }

const compacting: StoreMix = {
  put: 4,
  compareAndSwap: 0,
  txn: 1,
  multi: 0,
  delete: 5,
  range: 2,
  oldRange: 3,
  serializable: 0,
  revision: 0,
  compact: 1,
  nested: 0,
  sortedRange: 0,
  alarm: 0
}

const querying: StoreMix = {
  put: 2,
  compareAndSwap: 0,
  txn: 0,
  multi: 0,
  delete: 1,
  range: 0,
  oldRange: 0,
  serializable: 0,
  revision: 0,
  compact: 0,
  nested: 5,
  sortedRange: 3,
  alarm: 0
}

const alarming: StoreMix = { ...querying, put: 3, delete: 3, range: 1, nested: 0, sortedRange: 0, alarm: 0.3 }

const small = {
  nodes: 1,
  stores: 3,
  controllerManagers: 1,
  schedulers: 1,
  runtime: 'simulated',
  unknownImages: 'simulate',
  nodeGraceMs: 10_000
} as const

const deploying: ClusterRunPlan['mix'] = { deployment: 100, service: 0, own: 0, count: 0, share: 0, list: 0, get: 0 }

/** Of leases: three members, and clients that nothing cuts off. */
const three = {
  members: ['control-0/store', 'control-1/store', 'control-2/store'],
  stranded: 0,
  safetyMs: 12_000,
  leaderShare: 0.9,
  restartMs: 50,
  remoteClients: false,
  timeoutMs: 1000
}

export const habitats = {
  talk: {
    runner: 'talk',
    overrides: {
      forMs: 5000,
      troubles: ['crashActor', 'crashThread', 'crashMachine', 'slow', 'lose', 'pauseThread'],
      troubleEveryMs: 100,
      troubleLastsMsMax: 200
    },
    what: 'actors that ask, answer late, die and are started again'
  },
  storm: { runner: 'raft', overrides: {}, what: 'bare Rafts in storms, checked after every event' },
  elections: {
    runner: 'raft',
    overrides: { size: 3, crashes: 0, restarts: 0.5, cuts: 0, hints: 0.3, loss: 0, disorder: 1, tears: 0.3, limits: impatient },
    what: 'bare Rafts that ask for votes all the time, die in the middle of their saves, and start again at once'
  },
  coups: {
    runner: 'raft',
    overrides: {
      size: 3,
      crashes: 0,
      restarts: 0.1,
      cuts: 0.02,
      hints: 0.05,
      coups: 0.03,
      loss: 0.02,
      disorder: 1,
      limits: { ...impatient, appendBytesMax: 1, inflightMessagesMax: 1 }
    },
    what: 'bare Rafts that send one entry at a time, whose leaders die or are cut off soon: figure 8 of the paper, again and again'
  },
  migrations: {
    runner: 'raft',
    overrides: { size: 3, spares: 8, changes: 0.1, losses: 0.01, transfers: 0.01, coups: 0.002 },
    what: 'bare Rafts whose members come and go, lose their disks and hand over'
  },
  replacements: {
    runner: 'raft',
    overrides: { size: 3, spares: 8, changes: 0.2, joints: 0.8, transfers: 0.01, coups: 0.005, leaves: true },
    what: 'bare Rafts of which several members are replaced at once, whose leaders die or are cut off'
  },
  replacers: {
    runner: 'store',
    overrides: { movesEveryMs: 100, replaceShare: 0.8, safetyMs: 8000 },
    what: 'stores of which several members are replaced at once, again and again'
  },
  leaseReads: {
    runner: 'store',
    overrides: {
      members: ['control-0/store', 'control-1/store', 'control-2/store'],
      stranded: 0,
      safetyMs: 8000,
      troubles: ['isolate', 'pauseMachine'],
      troubleEveryMs: 400,
      troubleLastsMsMax: 3000,
      leaderShare: 0.9,
      readers: 4,
      remoteClients: false,
      timeoutMs: 1000,
      args: { clusterId: 'zoo', leaseReads: true }
    },
    what: 'stores that read by lease, whose leaders are paused, or cut off from the others but not from those who read'
  },
  movers: {
    runner: 'store',
    overrides: { movesEveryMs: 100, safetyMs: 8000 },
    what: 'stores whose members are added, promoted and removed, ten times a second'
  },
  store: { runner: 'store', overrides: { safetyMs: 8000 }, what: 'the store’s ordinary runs, for 8 s' },
  leaders: {
    runner: 'store',
    overrides: {
      safetyMs: 8000,
      troubles: ['isolate', 'powerLoss', 'drift'],
      troubleEveryMs: 300,
      troubleLastsMsMax: 2000,
      leaderShare: 0.7,
      restartMs: 50,
      readers: 3,
      remoteClients: false,
      timeoutMs: 1000
    },
    what: 'stores whose leaders are cut off, lose power or have slow clocks, again and again'
  },
  disks: {
    runner: 'store',
    overrides: {
      safetyMs: 8000,
      troubles: ['powerLoss', 'crashMachine', 'isolate'],
      troubleEveryMs: 200,
      troubleLastsMsMax: 1000,
      restartMs: 50,
      syncUs: 20_000,
      args: { clusterId: 'zoo', snapshots: { entriesMax: 5, bytesMax: 4096 }, segmentBytesMax: 1024, raft: { tailEntriesMax: 0 } }
    },
    what: 'stores that lose power on slow disks, with a snapshot every few entries'
  },
  fullDisks: {
    runner: 'store',
    overrides: {
      safetyMs: 8000,
      troubles: ['fullDisk', 'crashMachine'],
      troubleEveryMs: 200,
      troubleLastsMsMax: 2000,
      restartMs: 50,
      valueBytesMax: 1024,
      args: { clusterId: 'zoo', roomBytes: 8192 }
    },
    what: 'stores that crash, over disks that are full now and then'
  },
  manyFullDisks: {
    runner: 'store',
    overrides: {
      members: ['control-0/store', 'control-1/store', 'control-2/store'],
      stranded: 1,
      safetyMs: 6000,
      troubles: ['fullDisk'],
      troubleEveryMs: 100,
      troubleLastsMsMax: 6000,
      valueBytesMax: 1024,
      args: { clusterId: 'zoo', roomBytes: 8192 }
    },
    what: 'stores of three whose disks are full, often all of them; one is left behind to the end'
  },
  outages: {
    runner: 'store',
    overrides: {
      safetyMs: 8000,
      troubles: ['powerLoss', 'isolate', 'lose'],
      troubleEveryMs: 200,
      troubleLastsMsMax: 1000,
      leaderShare: 0.3,
      restartMs: 50,
      syncUs: 20_000,
      valueBytesMax: 1024
    },
    what: 'stores that lose power on slow disks, often in the middle of a large save'
  },
  deposed: {
    runner: 'store',
    overrides: {
      members: ['control-0/store', 'control-1/store', 'control-2/store'],
      stranded: 0,
      safetyMs: 8000,
      troubles: ['isolate', 'drift'],
      troubleEveryMs: 400,
      troubleLastsMsMax: 3000,
      leaderShare: 0.9,
      readers: 4,
      remoteClients: false,
      timeoutMs: 1000
    },
    what: 'stores whose leaders have slow clocks and are cut off from the others, but not from those who read'
  },
  schisms: {
    runner: 'store',
    overrides: {
      members: [0, 1, 2, 3, 4].map(at => `control-${at}/store`),
      stranded: 0,
      safetyMs: 16_000,
      troubles: ['partition', 'drift'],
      troubleEveryMs: 400,
      troubleLastsMsMax: 2000,
      readers: 8,
      remoteClients: false,
      timeoutMs: 1000
    },
    what: 'stores of five members whose clocks differ, some of whom, often with their leader, are cut off from the others, but not from those who read'
  },
  compactions: {
    runner: 'store',
    overrides: { safetyMs: 6000, keys: 4, watchers: 6, mix: compacting, troubles: ['crashActor', 'isolate', 'slow'] },
    what: 'stores whose clients delete and compact a lot, and read and watch what was just compacted'
  },
  queries: {
    runner: 'store',
    overrides: { safetyMs: 4000, keys: 5, mix: querying, troubles: ['crashActor'], perSecond: 100 },
    what: 'stores whose clients nest transactions, and read in other orders than that of the keys'
  },
  alarms: {
    runner: 'store',
    overrides: {
      members: ['control-0/store', 'control-1/store', 'control-2/store'],
      stranded: 0,
      safetyMs: 6000,
      clients: 6,
      mix: alarming,
      troubles: ['crashActor', 'crashMachine'],
      troubleEveryMs: 200,
      troubleLastsMsMax: 500,
      restartMs: 50,
      perSecond: 200,
      args: { clusterId: 'zoo', snapshots: { entriesMax: 5, bytesMax: 4096 }, raft: { tailEntriesMax: 0 } }
    },
    what: 'stores that die often, with a snapshot every few entries, and alarms that come and go'
  },
  decay: {
    runner: 'store',
    overrides: {
      members: ['control-0/store', 'control-1/store', 'control-2/store'],
      stranded: 0,
      corruptible: ['control-2'],
      safetyMs: 8000,
      troubles: ['corrupt', 'isolate', 'crashMachine'],
      troubleEveryMs: 250,
      troubleLastsMsMax: 1000,
      restartMs: 50
    },
    what: 'stores of which one has a disk that decays, while the others come and go'
  },
  leases: {
    runner: 'lease',
    overrides: {
      ...three,
      troubles: ['slow', 'crashActor', 'isolate'],
      troubleEveryMs: 400,
      troubleLastsMsMax: 4000,
      leases: {
        clients: 12,
        ttlSecondsMax: 1,
        thinkMs: 40,
        revoke: 0.02,
        neglect: 0.2,
        checkpointEveryMs: 300_000,
        lastMoment: 0.15,
        onlookers: 0,
        meddle: 0.15
      }
    },
    what: 'stores whose clients hold leases of a second, while leaders are slow, die or are cut off'
  },
  deposedLeases: {
    runner: 'lease',
    overrides: {
      ...three,
      troubles: ['isolate', 'drift'],
      troubleEveryMs: 400,
      troubleLastsMsMax: 5000,
      leases: {
        clients: 6,
        ttlSecondsMax: 1,
        thinkMs: 30,
        revoke: 0.2,
        neglect: 0.1,
        checkpointEveryMs: 300_000,
        lastMoment: 0,
        onlookers: 12,
        meddle: 0
      },
      timeoutMs: 300
    },
    what: 'stores whose leaders have slow clocks and are cut off from the others, but not from those who hold leases of a second'
  },
  checkpoints: {
    runner: 'lease',
    overrides: {
      ...three,
      troubles: ['crashActor', 'powerLoss'],
      safetyMs: 24_000,
      troubleEveryMs: 4000,
      troubleLastsMsMax: 300,
      leases: {
        clients: 16,
        ttlSecondsMax: 6,
        thinkMs: 100,
        revoke: 0,
        neglect: 0,
        checkpointEveryMs: 1000,
        lastMoment: 0.35,
        onlookers: 0,
        meddle: 0
      },
      args: { clusterId: 'zoo', leaseCheckpointEveryMs: 2500 }
    },
    what: 'stores whose leaders die every few seconds, after a checkpoint of every lease'
  },
  rights: {
    runner: 'auth',
    overrides: {
      ...three,
      safetyMs: 8_000,
      troubles: ['slow', 'crashMachine', 'isolate'],
      troubleEveryMs: 400,
      troubleLastsMsMax: 2000,
      leaderShare: 0.3,
      auth: {
        administrators: 3,
        users: 3,
        clients: 8,
        roles: 3,
        thinkMs: 20,
        administratorThinkMs: 60,
        certificates: 0.4,
        nobodies: 0.1,
        mix: { role: 6, permission: 6, password: 2, user: 1, roles: 1, switch: 1, query: 2 }
      },
      args: { clusterId: 'zoo', snapshots: { entriesMax: 20, bytesMax: 65_536 }, raft: { tailEntriesMax: 0 } }
    },
    what: 'stores whose administrators give and take rights all the time, and whose members come back from snapshots'
  },
  apiservers: {
    runner: 'cluster',
    overrides: {
      shape: { ...small, apiservers: 2 },
      holds: false,
      stranded: 0,
      users: 6,
      deploymentsMax: 1,
      replicasMax: 1,
      thinkMs: 100,
      timeoutMs: 2000,
      forMs: 25_000,
      calmMs: 2000,
      journey: ['killApiserver', 'killStoreLeader', 'powerOffStoreLeader'],
      journeyEveryMs: 2000,
      troubles: ['isolate', 'oneWay', 'slow'],
      troubleEveryMs: 1500
    },
    what: 'two apiservers, one node and many users; apiservers and store leaders die, and all are cut off now and then'
  },
  sharers: {
    runner: 'cluster',
    overrides: {
      shape: { ...small, stores: 1, apiservers: 1 },
      holds: false,
      stranded: 0,
      users: 6,
      mix: { deployment: 0, service: 0, own: 0, count: 50, share: 100, list: 0, get: 0 },
      thinkMs: 50,
      timeoutMs: 2000,
      forMs: 7000,
      calmMs: 1000,
      journey: [],
      troubles: []
    },
    what: 'one apiserver, and many users who change, delete and create what they share'
  },
  holders: {
    runner: 'cluster',
    overrides: {
      shape: { ...small, stores: 1, apiservers: 1 },
      args: { store: { compactEveryMs: 500 } },
      holds: true,
      stranded: 0,
      users: 2,
      replicasMax: 3,
      deploymentsMax: 2,
      mix: deploying,
      thinkMs: 200,
      timeoutMs: 2000,
      forMs: 5000,
      calmMs: 1000,
      journey: ['killApiserver'],
      journeyEveryMs: 700,
      troubles: []
    },
    what: 'informers, over an apiserver that dies again and again and a store that forgets soon'
  },
  schedulers: {
    runner: 'cluster',
    overrides: {
      shape: { ...small, nodes: 2, stores: 1, apiservers: 1, schedulers: 2 },
      args: { 'control-1/scheduler': { election: { name: 'another' } } },
      holds: false,
      stranded: 0,
      users: 2,
      deploymentsMax: 1,
      replicasMax: 3,
      mix: deploying,
      thinkMs: 300,
      timeoutMs: 10_000,
      forMs: 5000,
      calmMs: 1000,
      journey: [],
      troubles: []
    },
    what: 'two schedulers that do not know of each other, and bind the same pods'
  },
  rollouts: {
    runner: 'cluster',
    overrides: {
      shape: { ...small, stores: 1, apiservers: 2 },
      args: { 'controller-manager': { apiservers: ['control-1/apiserver', 'control-0/apiserver'] } },
      holds: false,
      stranded: 0,
      users: 2,
      deploymentsMax: 2,
      replicasMin: 3,
      replicasMax: 3,
      mix: deploying,
      thinkMs: 200,
      timeoutMs: 2000,
      forMs: 4500,
      calmMs: 1000,
      journey: [],
      troubles: ['reorder'],
      troubleEveryMs: 150
    },
    what: 'controllers far from their apiserver, over links that let messages overtake, and users who change deployments all the time'
  },
  cluster: { runner: 'cluster', overrides: { forMs: 40_000 }, what: 'ordinary runs of a whole cluster, for 40 s' }
} as const satisfies Record<string, Habitat>

export type HabitatName = keyof typeof habitats
