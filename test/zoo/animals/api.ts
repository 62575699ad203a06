// Animals of the API: its watch cache, lists and watches, preconditions.

import type { Animal } from '../animal.js'

export const apiAnimals: readonly Animal[] = [
  {
    name: 'the cache takes the store’s revision for its own',
    modelledOn: 'etcd [#15220](https://github.com/etcd-io/etcd/issues/15220), which breaks consistent reads from the watch cache',
    file: 'lib/server/feed.ts',
    replace: [
      [
        '          this.awaitRevision(outcome.value.revision, later)',
        '          if (this.ready) this.#cache.revision = Math.max(this.#cache.revision, outcome.value.revision)\n          this.awaitRevision(outcome.value.revision, later)'
      ]
    ],
    habitat: 'apiservers',
    caught: { seeds: 20, of: 20 },
    seedsMax: 10,
    caughtBy: [
      'once all faults have ended, the cluster becomes what was asked for',
      'a list and the watch from it miss nothing',
      'a read without a resourceVersion sees everything that anybody was told of before it was asked for'
    ]
  },
  {
    name: 'the cache resumes its watch one revision late',
    modelledOn: 'Kubernetes [#123072](https://github.com/kubernetes/kubernetes/issues/123072), the watch cache lost events',
    file: 'lib/server/feed.ts',
    replace: [['const startRevision = this.#cache.revision + 1', 'const startRevision = this.#cache.revision + 2']],
    habitat: 'cluster',
    caught: { seeds: 3, of: 6 },
    seedsMax: 20,
    caughtBy: [
      'once all faults have ended, the cluster becomes what was asked for',
      'once a majority of the stores has healed, the cluster becomes what was asked for, whatever the others do'
    ]
  },
  {
    name: 'a deletion is told at the revision of the change before it',
    modelledOn:
      'Kubernetes [#58545](https://github.com/kubernetes/kubernetes/issues/58545), delete notifications carried an old resource version',
    file: 'lib/server/watch-cache.ts',
    replace: [['entry: prev.at(revision), prev, revision })', 'entry: prev, prev, revision })']],
    habitat: 'apiservers',
    caught: { seeds: 6, of: 6 },
    seedsMax: 10,
    caughtBy: [
      'an object at one resourceVersion is one state, whoever is shown it',
      'a watch tells a change once',
      'a watch tells changes in the order of their resourceVersions, from the one it was given on'
    ]
  },
  {
    name: 'a watch begins at the newest revision, not the one asked for',
    modelledOn:
      'Kubernetes [#49956](https://github.com/kubernetes/kubernetes/issues/49956), events between a list and its watch were missed',
    file: 'lib/server/watching.ts',
    replace: [
      [
        '? serving.cache.revision : parseRevision(options.version)',
        '? serving.cache.revision : Math.max(serving.cache.revision, parseRevision(options.version))'
      ]
    ],
    habitat: 'apiservers',
    caught: { seeds: 6, of: 6 },
    seedsMax: 10,
    caughtBy: [
      'a list and the watch from it miss nothing',
      'once all faults have ended, the cluster becomes what was asked for',
      'nothing at or before a bookmark’s resourceVersion is still to come'
    ]
  },
  {
    name: 'a watch that comes too late is not told',
    modelledOn: 'Kubernetes [#123072](https://github.com/kubernetes/kubernetes/issues/123072), events lost between a watch and the next',
    file: 'lib/server/watch-cache.ts',
    replace: [
      ['export const historyEventsMax = 1024', 'export const historyEventsMax = 8'],
      ['    if (revision < this.since) return undefined\n', '    if (revision < 0) return undefined\n']
    ],
    habitat: 'apiservers',
    caught: { seeds: 6, of: 6 },
    seedsMax: 10,
    caughtBy: ['a list and the watch from it miss nothing', 'a watch that is open while nothing fails catches up']
  },
  {
    name: 'a watch that resumes repeats the last event',
    modelledOn: 'etcd [#17247](https://github.com/etcd-io/etcd/issues/17247), a watch event twice',
    file: 'lib/server/watch-cache.ts',
    replace: [
      ['if ((history[middle] as CacheEvent).revision <= revision) low', 'if ((history[middle] as CacheEvent).revision < revision) low']
    ],
    habitat: 'apiservers',
    caught: { seeds: 6, of: 6 },
    seedsMax: 10,
    caughtBy: [
      'a watch tells a change once',
      'a watch tells changes in the order of their resourceVersions, from the one it was given on',
      'a watch that is open while nothing fails catches up'
    ]
  },
  {
    name: 'a write in doubt is refused to the user',
    modelledOn: '[Jepsen: jetcd 0.8.2](https://jepsen.io/analyses/jetcd-0.8.2): a transaction appeared to fail and took effect',
    file: 'lib/server/store-client.ts',
    replace: [['uncertain ||= !outcome.error.definite', 'uncertain ||= false']],
    habitat: 'apiservers',
    caught: { seeds: 3, of: 6 },
    seedsMax: 20,
    caughtBy: [
      'every change of an object is one that somebody asked for and was not refused',
      'a watch that is open while nothing fails catches up'
    ]
  },
  {
    name: 'a read of the newest state asks only the cache',
    modelledOn: 'Kubernetes [#97294](https://github.com/kubernetes/kubernetes/issues/97294), a watch cache out of date for long',
    file: 'lib/server/feed.ts',
    replace: [
      [
        '    this.#fresh.push(later)\n    if (this.#asking)',
        '    if (this.ready) return this.#events.answer(later, { revision: this.#cache.revision })\n    this.#fresh.push(later)\n    if (this.#asking)'
      ]
    ],
    habitat: 'apiservers',
    caught: { seeds: 5, of: 6 },
    seedsMax: 12,
    caughtBy: [
      'a read without a resourceVersion sees everything that anybody was told of before it was asked for',
      'for one client, consistent reads never go back'
    ]
  },
  {
    name: 'a cache that is connected anew serves the past',
    modelledOn:
      'Kubernetes [#60478](https://github.com/kubernetes/kubernetes/pull/60478), a watch cache that is behind after its member of etcd failed',
    file: 'lib/server/feed.ts',
    replace: [
      [
        '      const source = opened.value\n',
        '      const source = opened.value\n      for (const { later } of this.#waiting.splice(0)) this.#events.answer(later, { revision: this.#cache.revision })\n'
      ]
    ],
    habitat: 'apiservers',
    caught: { seeds: 6, of: 10 },
    seedsMax: 10,
    caughtBy: [
      'a read without a resourceVersion sees everything that anybody was told of before it was asked for',
      'for one client, consistent reads never go back'
    ]
  },
  {
    name: 'a bookmark is ahead of the events',
    modelledOn: 'etcd [#15220](https://github.com/etcd-io/etcd/issues/15220), as bookmarks of the API',
    file: 'lib/server/watching.ts',
    replace: [
      ['    resourceVersion: String(revision),\n    creationTimestamp', '    resourceVersion: String(revision + 1),\n    creationTimestamp']
    ],
    habitat: 'apiservers',
    caught: { seeds: 6, of: 6 },
    seedsMax: 10,
    caughtBy: [
      'a write has a resourceVersion above all that were seen before it was asked for',
      'nothing at or before a bookmark’s resourceVersion is still to come',
      'a read without a resourceVersion sees everything that anybody was told of before it was asked for'
    ]
  },
  {
    name: 'a page of a list is of a newer revision than the first',
    modelledOn:
      'Kubernetes [KEP-365](https://github.com/kubernetes/enhancements/tree/master/keps/sig-api-machinery/365-paginated-lists): all pages of a list are of one revision',
    file: 'lib/server/reading.ts',
    replace: [['if (revision <= cache.revision && revision >= shelf.lastRevision) {', 'if (revision <= cache.revision) {']],
    habitat: 'apiservers',
    caught: { seeds: 3, of: 6 },
    seedsMax: 20,
    caughtBy: [
      'a list is what there was at its resourceVersion: all of it, once, and nothing else',
      'a watch that is open while nothing fails catches up'
    ]
  },
  {
    name: 'an update of an older state overwrites the newer',
    modelledOn: '[Sieve](https://github.com/sieve-project/sieve/blob/main/docs/bugs.md): stale states written back',
    file: 'lib/server/update.ts',
    replace: [
      [
        '  } else if (expected !== String(revision)) throw errors.conflict(resource.groupResource, target.name)',
        '  } else meta.resourceVersion = String(revision)'
      ]
    ],
    habitat: 'apiservers',
    caught: { seeds: 6, of: 6 },
    seedsMax: 10,
    caughtBy: [
      'an increment adds to all increments before it',
      'an update that names a resourceVersion succeeds only on the object at that resourceVersion',
      'a write takes effect at most once'
    ]
  },
  {
    name: 'a deletion of one object takes its namesake',
    modelledOn:
      '[Sieve](https://github.com/sieve-project/sieve/blob/main/docs/bugs.md): time traveling, an object deleted for its former self',
    file: 'lib/server/deletion.ts',
    replace: [['if (uid !== undefined && uid !== told) throw', "if (uid !== undefined && uid === '' && uid !== told) throw"]],
    habitat: 'sharers',
    caught: { seeds: 10, of: 10 },
    seedsMax: 10,
    caughtBy: ['a write that names a uid succeeds only on the object of that uid']
  },
  {
    name: 'a deletion takes an object that was changed meanwhile',
    modelledOn:
      'Kubernetes [#73648](https://github.com/kubernetes/kubernetes/issues/73648), a deletion that loses the change of another who would have prevented it',
    file: 'lib/server/deletion.ts',
    replace: [
      [
        'if (resourceVersion !== undefined && resourceVersion !== String(revision)) {',
        'if (resourceVersion !== undefined && Number(resourceVersion) > revision) {'
      ]
    ],
    habitat: 'sharers',
    caught: { seeds: 9, of: 10 },
    seedsMax: 10,
    caughtBy: ['an update that names a resourceVersion succeeds only on the object at that resourceVersion']
  }
]
