// Scout: finds out which controllers are needed, by as few metadata watches as it takes.
//
// Guarantee: `needed` is called once for each controller after an object of its interest exists. A watch is held only while a
// controller that is not yet needed names its kind.

import type { Flow, Running } from '../actor/index.js'
import { type ApiClient, type ClientContext, groupResource, Informer, type Resource } from '../client/index.js'
import type { ApiObject } from '../object/index.js'
import type { ControllerDefinition, Interest } from './controller.js'
import { discover, isCollectable } from './discovery.js'

interface Post {
  readonly informer: Informer<ApiObject>
  readonly watchers: { readonly definition: ControllerDefinition; readonly interest: Interest }[]
}

const discoverAfterMs = 1_000 // Every kind is a watch: they need not compete with the cluster's start.
const discoverEveryMs = 30_000

export class Scout {
  readonly #ctx: ClientContext
  readonly #client: ApiClient
  readonly #definitions: readonly ControllerDefinition[]
  readonly #needed: (definition: ControllerDefinition) => void
  readonly #posts = new Map<string, Post>()
  readonly #found = new Set<ControllerDefinition>()
  readonly #patient = new Map<ControllerDefinition, Running>()
  #discovering: Running | undefined

  constructor(
    ctx: ClientContext,
    client: ApiClient,
    definitions: readonly ControllerDefinition[],
    needed: (definition: ControllerDefinition) => void
  ) {
    this.#ctx = ctx
    this.#client = client
    this.#definitions = definitions
    this.#needed = needed
  }

  start(): void {
    for (const definition of this.#definitions) {
      for (const interest of definition.interests) {
        if (interest.resource !== 'discovered') this.#watch(interest.resource, definition, interest)
      }
    }
    for (const { informer } of this.#posts.values()) informer.start()
    this.#discovering = this.#ctx.run(this.#discover())
  }

  stop(): void {
    for (const { informer } of this.#posts.values()) informer.stop()
    for (const running of this.#patient.values()) running.cancel()
    this.#discovering?.cancel()
    this.#posts.clear()
    this.#patient.clear()
    this.#found.clear()
  }

  /** That controller runs for another reason: nothing to look for any more. */
  started(definition: ControllerDefinition): void {
    this.#found.add(definition)
  }

  /** Gives up the watches that nobody needs any more; not within a handler of theirs. */
  settled(): void {
    for (const [name, post] of this.#posts) {
      if (post.watchers.some(({ definition }) => !this.#found.has(definition))) continue
      post.informer.stop()
      this.#posts.delete(name)
    }
  }

  #watch(resource: Resource, definition: ControllerDefinition, interest: Interest): Post {
    const name = groupResource(resource)
    const known = this.#posts.get(name)
    if (known !== undefined) {
      known.watchers.push({ definition, interest })
      for (const object of known.informer.store.values()) this.#look(definition, interest, object, false)
      return known
    }
    const informer = new Informer<ApiObject>(this.#ctx, this.#client, { resource, metadataOnly: true })
    const post: Post = { informer, watchers: [{ definition, interest }] }
    this.#posts.set(name, post)
    const look = (object: ApiObject, deleted: boolean): void => {
      for (const { definition: one, interest: its } of post.watchers) this.#look(one, its, object, deleted)
    }
    informer.addHandler({
      add: object => look(object, false),
      update: (_, object) => look(object, false),
      delete: object => look(object, true)
    })
    return post
  }

  #look(definition: ControllerDefinition, interest: Interest, object: ApiObject, deleted: boolean): void {
    if (this.#found.has(definition)) return
    const isWanted = interest.wants === undefined ? !deleted : interest.wants(object, deleted)
    if (!isWanted) return
    const urgent = deleted || object.metadata.deletionTimestamp !== undefined
    if (urgent || definition.patienceMs === undefined) this.#find(definition)
    else if (!this.#patient.has(definition)) this.#patient.set(definition, this.#ctx.run(this.#wait(definition, definition.patienceMs)))
  }

  #find(definition: ControllerDefinition): void {
    if (this.#found.has(definition)) return
    this.#found.add(definition)
    this.#needed(definition)
  }

  *#wait(definition: ControllerDefinition, delayMs: number): Flow<void> {
    yield { step: 'sleep', clock: 'real', delayMs }
    this.#find(definition)
  }

  *#discover(): Flow<void> {
    const curious = this.#definitions.flatMap(definition =>
      definition.interests.filter(({ resource }) => resource === 'discovered').map(interest => ({ definition, interest }))
    )
    yield { step: 'sleep', clock: 'real', delayMs: discoverAfterMs }
    while (curious.some(({ definition }) => !this.#found.has(definition))) {
      const { resources } = yield* discover(this.#client)
      for (const resource of resources.filter(isCollectable)) {
        for (const { definition, interest } of curious) {
          if (interest.skips?.(resource) === true || this.#found.has(definition)) continue
          const watchers = this.#posts.get(groupResource(resource))?.watchers ?? []
          if (watchers.some(one => one.interest === interest)) continue
          this.#watch(resource, definition, interest).informer.start()
        }
      }
      yield { step: 'sleep', clock: 'real', delayMs: discoverEveryMs }
    }
  }
}
