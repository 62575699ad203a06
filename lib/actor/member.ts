// Member: one actor of a dispatcher: its cell, its mailbox, who depends on it, and when it is to be woken.

import { Chain, type ChainMember, Heap, type HeapMember, unlink } from '../std/index.js'
import type { Cell } from './cell.js'
import { type Clock, ofClock } from './contract.js'
import type { Effect } from './envelope.js'
import { Mailbox } from './mailbox.js'

export interface Alarm extends HeapMember {
  atMs: number
  readonly member: Member
}

/** Where a member stands in a line. */
export class Place implements ChainMember<Place> {
  next: Place | undefined
  isTaken = false
  readonly member: Member

  constructor(member: Member) {
    this.member = member
  }

  /** Answers the place behind it. */
  leave(): Place | undefined {
    this.isTaken = false
    return unlink<Place>(this)
  }
}

/** Members that have something to do, each once. */
export class Line extends Chain<Place> {
  enter(place: Place): void {
    if (place.isTaken) return
    place.isTaken = true
    this.push(place)
  }
}

export class Member {
  readonly cell: Cell
  readonly mailbox: Mailbox
  readonly parent: string | undefined
  readonly parentLife: number // Of a parent in this thread; 0: elsewhere, or none.
  readonly children = new Set<string>()
  readonly watchers = new Set<string>() // Who is told of the end of this life.
  readonly monitors = new Set<string>() // Whose end this life asked to be told, and was not yet.
  readonly alarms: { readonly real: Alarm; readonly cluster: Alarm }
  /** Among those whose mailbox holds something, and among those who have not settled since they handled something. */
  readonly queued = new Place(this)
  readonly unsettled = new Place(this)
  paused = false
  over: string | undefined // Why it ended.
  blocked: Effect[] | undefined // The rest of a turn that waits for its save.
  turns = 0
  busyMs = 0

  constructor(cell: Cell, parent: string | undefined, parentLife: number) {
    this.cell = cell
    this.parent = parent
    this.parentLife = parentLife
    this.mailbox = new Mailbox(cell.actor.mailboxMax)
    const atMs = Number.POSITIVE_INFINITY
    this.alarms = { real: { atMs, heapIndex: -1, member: this }, cluster: { atMs, heapIndex: -1, member: this } }
  }

  get gone(): boolean {
    return this.over !== undefined
  }

  /** Whether it cannot take a turn now. */
  get held(): boolean {
    return this.paused || this.blocked !== undefined
  }
}

const byTime = (a: Alarm, b: Alarm): boolean => a.atMs < b.atMs

/** The members that wait for a time, on either clock. A member that is held is looked at again when it goes on. */
export class Alarms {
  readonly #heaps = { real: new Heap<Alarm>(byTime), cluster: new Heap<Alarm>(byTime) }

  dueMs(clock: Clock): number {
    return ofClock(this.#heaps, clock).peek()?.atMs ?? Number.POSITIVE_INFINITY
  }

  /** The first member due by then that is not held. */
  due(clock: Clock, byMs: number): Member | undefined {
    const heap = ofClock(this.#heaps, clock)
    for (let alarm = heap.peek(); alarm !== undefined && alarm.atMs <= byMs; alarm = heap.peek()) {
      if (!alarm.member.held) return alarm.member
      heap.remove(alarm)
    }
    return undefined
  }

  /** To be called when what the member waits for may have changed. */
  update(member: Member): void {
    this.#updateOf(member, 'real')
    this.#updateOf(member, 'cluster')
  }

  remove(member: Member): void {
    this.#heaps.real.remove(member.alarms.real)
    this.#heaps.cluster.remove(member.alarms.cluster)
  }

  #updateOf(member: Member, clock: Clock): void {
    const alarm = ofClock(member.alarms, clock)
    const atMs = member.cell.dueMs(clock)
    const inHeap = alarm.heapIndex >= 0
    if (alarm.atMs === atMs && (inHeap || atMs === Number.POSITIVE_INFINITY)) return
    alarm.atMs = atMs
    const heap = ofClock(this.#heaps, clock)
    if (atMs === Number.POSITIVE_INFINITY) heap.remove(alarm)
    else if (inHeap) heap.moved(alarm)
    else if (!member.held) heap.push(alarm)
  }
}
