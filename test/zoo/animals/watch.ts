// Animals of watches.

import type { Animal } from '../animal.js'

export const watchAnimals: readonly Animal[] = [
  {
    name: 'a watch is resumed one revision late',
    modelledOn: 'Kubernetes [#49956](https://github.com/kubernetes/kubernetes/issues/49956), a watch off by one misses an event',
    file: 'lib/mvcc/watch-hub.ts',
    replace: [
      ['startRevision === 0 ? this.#revision + 1 : startRevision\n', 'startRevision === 0 ? this.#revision + 1 : startRevision + 1\n']
    ],
    habitat: 'store',
    caught: { seeds: 20, of: 20 },
    seedsMax: 10,
    caughtBy: [
      'resumable: a watch from a revision on sees every event of its range from there on, and nothing before it',
      'a watch that is open while nothing fails catches up'
    ]
  },
  {
    name: 'a delivery without room is forgotten',
    modelledOn: 'etcd [#17529](https://github.com/etcd-io/etcd/issues/17529), watch events lost while a stream was starved',
    file: 'lib/store/watching.ts',
    replace: [['watching.hub.pause(id, events[0]?.kv.modRevision)', 'watching.hub.pause(id)']],
    habitat: 'store',
    caught: { seeds: 2, of: 20 },
    seedsMax: 100,
    caughtBy: ['reliable: a watch that sees an event has seen every event of its range between it and the one before']
  },
  {
    name: 'an event is repeated when there is room again',
    modelledOn: 'etcd [#17247](https://github.com/etcd-io/etcd/issues/17247), a watch event twice',
    file: 'lib/store/watching.ts',
    replace: [
      ['watching.hub.pause(id, events[0]?.kv.modRevision)', 'watching.hub.pause(id, Math.max(1, (events[0]?.kv.modRevision ?? 1) - 1))']
    ],
    habitat: 'store',
    caught: { seeds: 2, of: 20 },
    seedsMax: 100,
    caughtBy: ['unique: a watch sees an event once']
  },
  {
    name: 'a watch goes back in time when its member catches up by a snapshot',
    modelledOn: 'etcd [#15271](https://github.com/etcd-io/etcd/issues/15271), a watch travelled back in time after a partition',
    file: 'lib/mvcc/watch-hub.ts',
    replace: [['    const next = this.#revision + 1\n    assert(store', '    const next = this.#revision\n    assert(store']],
    habitat: 'disks',
    caught: { seeds: 15, of: 20 },
    seedsMax: 16,
    caughtBy: [
      'resumable: a watch from a revision on sees every event of its range from there on, and nothing before it',
      'unique: a watch sees an event once'
    ]
  },
  {
    name: 'a watch loses what its member was sent as a snapshot',
    modelledOn: 'etcd [#15271](https://github.com/etcd-io/etcd/issues/15271), its opposite: watchers of a member that was behind',
    file: 'lib/mvcc/watch-hub.ts',
    replace: [
      [
        '      if (watcher.synced) watcher.nextRevision = next\n',
        '      if (watcher.synced) watcher.nextRevision = Math.max(next, store.revision + 1)\n'
      ]
    ],
    habitat: 'disks',
    caught: { seeds: 13, of: 20 },
    seedsMax: 17,
    caughtBy: [
      'resumable: a watch from a revision on sees every event of its range from there on, and nothing before it',
      'reliable: a watch that sees an event has seen every event of its range between it and the one before'
    ]
  },
  {
    name: 'progress is told before the events',
    modelledOn: 'etcd [#15220](https://github.com/etcd-io/etcd/issues/15220), progress notifications that overtook events',
    file: 'lib/mvcc/watch-hub.ts',
    replace: [
      ['deliveryEventsMax: 1000,', 'deliveryEventsMax: 5,'],
      [
        "taken.push({ type: 'events', ids, events, revision: nextRevision - 1 })",
        "taken.push({ type: 'events', ids, events, revision: this.#revision })"
      ]
    ],
    habitat: 'store',
    caught: { seeds: 13, of: 20 },
    seedsMax: 15,
    caughtBy: ['bookmarkable: once a watch tells a revision, everything up to it has been sent']
  },
  {
    name: 'a revision is split over two deliveries',
    modelledOn: 'etcd [API](https://etcd.io/docs/v3.6/learning/api_guarantees/): a watch is atomic, a revision is never split',
    file: 'lib/mvcc/watch-hub.ts',
    replace: [
      ['deliveryEventsMax: 1000,', 'deliveryEventsMax: 1,'],
      [
        'events.length >= this.#limits.deliveryEventsMax && last.kv.modRevision < kv.modRevision)',
        'events.length >= this.#limits.deliveryEventsMax)'
      ]
    ],
    habitat: 'store',
    caught: { seeds: 11, of: 20 },
    seedsMax: 19,
    caughtBy: ['atomic: a watch sees all events of a revision together', 'unique: a watch sees an event once']
  },
  {
    name: 'a watch from a future revision begins with the past',
    modelledOn: 'etcd [#20221](https://github.com/etcd-io/etcd/issues/20221), a watch on a future revision returned old events',
    file: 'lib/mvcc/watch-hub.ts',
    replace: [
      [
        '      else if (watcher.nextRevision > next) this.#future.add(watcher)\n',
        '      else if (watcher.nextRevision > next) watcher.synced = true\n'
      ]
    ],
    habitat: 'store',
    caught: { seeds: 12, of: 20 },
    seedsMax: 13,
    caughtBy: ['resumable: a watch from a revision on sees every event of its range from there on, and nothing before it']
  }
]
