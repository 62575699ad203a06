// Bench: one member of a store by itself: messages in, effects out. Its disk answers at once.

import { type StoreArgs, store } from '../../actors/store.js'
import { Cell, type Effect, type Envelope } from '../../lib/actor/index.js'
import { Mvcc } from '../../lib/mvcc/index.js'
import { foundedBy, type Membership, type Message } from '../../lib/raft/index.js'
import { seededRandom } from '../../lib/std/index.js'
import type { StoreOp } from '../../lib/storage/index.js'
import { snapshotFile } from '../../lib/store/index.js'

export const self = 'control-0/store'
export const peers = ['control-1/store', 'control-2/store'] as const
const tickMs = 25

/** What is on the disk of a member; it outlives benches. */
export class BenchDisk {
  segments: { sequence: number; bytes: Uint8Array }[] = []
  files = new Map<string, Uint8Array>()
  readonly begun = new Map<string, Uint8Array>()
  readonly calls: string[] = []
  full = false
  reservedBytes = 0
  slow = false // A part of a file is written with the next tick.

  save(bytes: Uint8Array, segment: number): void {
    if (this.full && bytes.length > this.reservedBytes) throw new Error('no space left on device')
    this.reservedBytes = Math.max(0, this.reservedBytes - bytes.length)
    let last = this.segments.at(-1)
    if (last === undefined || segment > last.sequence) {
      last = { sequence: Math.max(1, segment), bytes: new Uint8Array(0) }
      this.segments.push(last)
    }
    const grown = new Uint8Array(last.bytes.length + bytes.length)
    grown.set(last.bytes)
    grown.set(bytes, last.bytes.length)
    last.bytes = grown
  }

  answer(type: string, body: any): unknown {
    this.calls.push(type)
    switch (type) {
      case 'recover':
        return { segments: this.segments.map(({ sequence, bytes }) => ({ sequence, length: bytes.length })), files: this.#names() }
      case 'readSegment':
        return this.segments.find(({ sequence }) => sequence === body.sequence)?.bytes.slice() ?? null
      case 'repair': {
        const last = this.segments.at(-1)
        if (last !== undefined) last.bytes = last.bytes.slice(0, body.length)
        return undefined
      }
      case 'rotate':
        this.segments.push({ sequence: (this.segments.at(-1)?.sequence ?? 0) + 1, bytes: new Uint8Array(0) })
        return { sequence: this.segments.at(-1)?.sequence }
      case 'release':
        this.segments = this.segments.filter(({ sequence }) => sequence >= body.before)
        return undefined
      case 'writeFile':
        return void this.files.set(body.name, body.bytes)
      case 'reserve':
        if (!this.full) this.reservedBytes = Math.max(this.reservedBytes, body.bytes)
        return { bytes: Math.min(this.reservedBytes, body.bytes) }
      case 'beginFile':
        return void this.begun.set(body.name, new Uint8Array(0))
      case 'appendFile':
        return void this.begun.set(body.name, Buffer.concat([this.begun.get(body.name) as Uint8Array, body.bytes]))
      case 'commitFile':
        this.files.set(body.name, this.begun.get(body.name) as Uint8Array)
        return void this.begun.delete(body.name)
      case 'abandonFile':
        return void this.begun.delete(body.name)
      case 'readPart': {
        const file = this.files.get(body.name)
        return file === undefined ? null : { bytes: file.slice(body.offset, body.offset + body.length), fileBytes: file.length }
      }
      case 'readFile':
        return this.files.get(body.name) ?? null
      case 'removeFile':
        return void this.files.delete(body.name)
      case 'files':
        return { files: this.#names() }
      default:
        throw new Error(`no ${type}`)
    }
  }

  #names(): { name: string }[] {
    return [...this.files.keys()].sort().map(name => ({ name }))
  }
}

export class Bench {
  readonly disk: BenchDisk
  readonly cell: Cell
  /** All effects so far but those of the disk port, in their order. */
  readonly effects: Effect[] = []
  nowMs = 0
  #waiting: Envelope[] = [] // For a slow disk.
  #idLast = 0

  constructor(members: readonly string[], disk = new BenchDisk(), args: Partial<StoreArgs> = {}, life = 1) {
    this.disk = disk
    this.cell = new Cell(self, store, life, { nowMs: () => this.nowMs, clusterMs: () => this.nowMs }, seededRandom(life))
    this.cell.start({ clusterId: 'c', members, ...args })
    this.#perform()
  }

  /** One message; gives the id by which its answer is known. */
  put(type: string, body: unknown, from = 'root/client', kind: 'ask' | 'tell' | 'open' = 'ask'): number {
    const id = kind === 'tell' ? 0 : ++this.#idLast
    this.cell.receive({ kind, from, to: self, life: 7, id, type, body, count: 0 })
    this.#perform()
    return id
  }

  write(key: string, value = 'v'): number {
    const op: StoreOp = { type: 'put', key, value: new TextEncoder().encode(value) }
    return this.put('txn', { compares: [], success: [op], failure: [] })
  }

  raft(...messages: Message[]): void {
    this.put('raft', { messages }, messages[0]?.from, 'tell')
  }

  settle(): void {
    this.cell.settle()
    this.#perform()
  }

  tick(times = 1): void {
    for (let at = 0; at < times; at++) {
      this.nowMs += tickMs
      for (const waiting of this.#waiting.splice(0)) this.#disk(waiting)
      while (this.cell.wake('real', this.nowMs)) this.#perform()
      this.settle()
    }
  }

  /** Answers an ask of the member to another. */
  reply(to: string, type: string, value: unknown): boolean {
    const ask = this.effects.findLast(effect => effect.kind === 'ask' && effect.to === to && effect.type === type) as Envelope | undefined
    if (ask === undefined) return false
    this.cell.receive({ kind: 'answer', from: to, to: self, life: ask.life, id: ask.id, type: '', body: value, count: 0 })
    this.#perform()
    return true
  }

  /** Gives the snapshot of another disk, part by part, to who asks that peer for it. */
  send(peer: string, from: BenchDisk): void {
    const file = [...from.files].findLast(([name]) => name.startsWith('snapshot-'))
    if (file === undefined) throw new Error('there is no snapshot')
    const index = Number(file[0].slice('snapshot-'.length))
    for (let asked = 0; ; ) {
      const at = this.effects.findLastIndex(effect => effect.kind === 'ask' && effect.to === peer && effect.type === 'snapshotPart')
      if (at < asked) return
      asked = at + 1
      const { offset } = (this.effects[at] as Envelope).body as { offset: number }
      const bytes = file[1].slice(offset, offset + (1 << 20))
      this.reply(peer, 'snapshotPart', { index, fileBytes: file[1].length, bytes })
    }
  }

  /** Effects from that place on, in a word each: `save`, `append control-1/store`, `answer 3`, `failure 4 no leader`. */
  words(from = 0): string[] {
    return this.effects.slice(from).flatMap(effect => {
      if (effect.kind === 'save') return ['save']
      if (effect.kind === 'tell' && effect.type === 'raft')
        return (effect.body as { messages: Message[] }).messages.map(message => `${message.type} ${message.to}`)
      if (effect.kind === 'answer') return [`answer ${effect.id}`]
      if (effect.kind === 'failure') return [`failure ${effect.id} ${(effect.body as { code: string }).code}`]
      return []
    })
  }

  messages(): Message[] {
    return this.effects.flatMap(effect =>
      effect.kind === 'tell' && effect.type === 'raft' ? (effect.body as { messages: Message[] }).messages : []
    )
  }

  answer(id: number): any {
    return (this.effects.find(effect => effect.kind === 'answer' && effect.id === id) as Envelope | undefined)?.body
  }

  failure(id: number): any {
    return (this.effects.find(effect => effect.kind === 'failure' && effect.id === id) as Envelope | undefined)?.body
  }

  logs(event: string): Readonly<Record<string, unknown>>[] {
    return this.effects.flatMap(effect => (effect.kind === 'log' && effect.event === event ? [effect.fields] : []))
  }

  #disk(asked: Envelope): void {
    const refused = this.disk.full && ['writeFile', 'beginFile', 'appendFile'].includes(asked.type)
    const body = refused ? { code: 'no space', definite: true, detail: '' } : this.disk.answer(asked.type, asked.body)
    this.cell.receive({ ...asked, kind: refused ? 'failure' : 'answer', from: asked.to, to: self, body })
    this.#perform()
  }

  #perform(): void {
    const { effects } = this.cell
    while (effects.length > 0) {
      const effect = effects.shift() as Effect
      if (effect.kind === 'ask' && effect.to === `${self}:disk`) {
        if (this.disk.slow && effect.type === 'appendFile') this.#waiting.push(effect as Envelope)
        else this.#disk(effect as Envelope)
        continue
      }
      if (effect.kind === 'save') this.disk.save(effect.bytes, effect.segment)
      this.effects.push(effect)
    }
  }
}

/** A member alone, leading. */
export function alone(disk?: BenchDisk, args?: Partial<StoreArgs>, life?: number): Bench {
  const bench = new Bench([self], disk, args, life)
  bench.settle()
  bench.tick(60)
  return bench
}

/** A member of three that the others elected. */
export function leading(args?: Partial<StoreArgs>): Bench {
  const bench = new Bench([self, ...peers], undefined, args)
  bench.tick(60)
  for (const type of ['preVote', 'vote'] as const) {
    const request = bench.messages().findLast(message => message.type === type && message.to === peers[0])
    if (request?.type !== type) throw new Error(`no ${type}`)
    const { term, campaign } = request
    bench.raft({ type: `${type}Response`, from: peers[0], to: self, term, campaign, granted: true })
    bench.settle()
  }
  acknowledge(bench)
  return bench
}

/** The first peer has all that was sent to it. */
export function acknowledge(bench: Bench): void {
  const append = bench.messages().findLast(message => message.type === 'append' && message.to === peers[0])
  if (append?.type !== 'append') throw new Error('no append')
  const index = append.prevIndex + append.entries.length
  bench.raft({ type: 'appendResponse', from: peers[0], to: self, term: append.term, index, rejected: false, hintIndex: 0, hintTerm: 0 })
  bench.settle()
}

/** A disk with the snapshot of an empty state. */
export function snapshotOf(voters: readonly string[], index: number, term: number, more: Partial<Membership> = {}): BenchDisk {
  const pieces = [...snapshotFile({ clusterId: 'c', index, term, membership: { ...foundedBy(voters), ...more } }, new Mvcc())]
  const disk = new BenchDisk()
  disk.files.set(`snapshot-${String(index).padStart(16, '0')}`, new Uint8Array(Buffer.concat(pieces)))
  return disk
}

/** The peer says what it has. */
export function heardFrom(bench: Bench, from: string, index: number): void {
  const { term } = bench.answer(bench.put('currentTerm', undefined))
  bench.raft({ type: 'appendResponse', from, to: self, term, index, rejected: false, hintIndex: 0, hintTerm: 0 })
  bench.settle()
}
