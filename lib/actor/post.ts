// Post: where an envelope goes: into a mailbox of this thread, to a port that is to be opened, or out through the host.
//
// Guarantee: what cannot be delivered is answered, so that nobody waits in vain, or counted as a dead letter.

import type { Failure } from './contract.js'
import { downNotice, type Envelope, failureFor, isPort, ownerOf } from './envelope.js'
import type { Member } from './member.js'
import type { Counters, Shell } from './shell.js'

/** What it needs of its dispatcher. */
export interface Recipients {
  /** That member has something to do. */
  enqueue(member: Member): void
  openPort(envelope: Envelope, owner: string): void
}

export class Post {
  readonly members = new Map<string, Member>()
  readonly counters: Counters = { deadLetters: 0, refused: 0, expired: 0, failures: 0 }
  readonly #recipients: Recipients
  readonly #shell: Shell

  constructor(recipients: Recipients, shell: Shell) {
    this.#recipients = recipients
    this.#shell = shell
  }

  /** Sends what an actor of this thread has to say. */
  route(envelope: Envelope): void {
    const member = this.members.get(envelope.to)
    if (member !== undefined) this.#put(member, envelope)
    else if (isPort(envelope.to) && this.members.has(ownerOf(envelope.to))) this.#recipients.openPort(envelope, ownerOf(envelope.to))
    else if (!this.#shell.send(envelope)) this.undeliverable(envelope, 'overloaded', `the link to ${envelope.to} is full`)
  }

  /** Puts what came to this thread into its mailbox. False: refused, and the sender was told. */
  deliver(envelope: Envelope): boolean {
    const member = this.members.get(envelope.to)
    if (member !== undefined) return this.#put(member, envelope)
    return this.undeliverable(envelope, 'unreachable', `no actor ${envelope.to}`)
  }

  undeliverable(envelope: Envelope, code: string, detail: string): false {
    const error: Failure = { code, definite: true, detail }
    switch (envelope.kind) {
      case 'ask':
      case 'open':
        this.counters.refused++
        this.route(failureFor(envelope, error))
        break
      case 'credit':
        this.route(failureFor(envelope, { code: 'down', definite: false, detail }))
        break
      case 'monitor':
        this.route(downNotice(envelope.to, envelope.from, code === 'unreachable' ? 'not running' : code))
        break
      default:
        this.counters.deadLetters++
    }
    return false
  }

  /** Those addresses died with their thread, or their thread cannot be reached any more. */
  lost(addresses: readonly string[], reason: string, unhandled: boolean): void {
    // By way of the mailbox: after what the dead sent, and not while the actor is paused or waits for a save.
    for (const { cell, mailbox, children, monitors } of this.members.values()) {
      const engaged = cell.engaged || mailbox.size > 0
      const type = unhandled ? 'unhandled' : ''
      const notice = { kind: 'lost', to: cell.address, life: 0, id: 0, type, body: reason, count: cell.idLast } as const
      for (const from of addresses) {
        if (engaged) this.deliver({ ...notice, from })
        if (children.has(from) || monitors.has(from)) this.deliver(downNotice(from, cell.address, reason))
      }
    }
  }

  #put(member: Member, envelope: Envelope): boolean {
    switch (envelope.kind) {
      case 'tell':
      case 'ask':
      case 'open':
        if (member.mailbox.full) return this.undeliverable(envelope, 'overloaded', `the mailbox of ${envelope.to} is full`)
        member.mailbox.push(envelope, envelope.count > 0 ? this.#shell.nowMs() : 0) // The clock costs more than the rest of this.
        break
      case 'monitor':
        member.watchers.add(envelope.from)
        return true
      case 'demonitor':
        member.watchers.delete(envelope.from)
        return true
      case 'stop':
        member.mailbox.pushUrgent(envelope)
        break
      case 'down': {
        // Told once, and never to a life that did not ask: a parent that also monitors, a notice for an earlier life.
        if (envelope.life !== 0 && envelope.life !== member.cell.life) return true
        const monitors = member.monitors.delete(envelope.from)
        if (!member.children.delete(envelope.from) && !monitors) return true
        member.mailbox.push(envelope, 0)
        break
      }
      default:
        member.mailbox.push(envelope, 0)
    }
    this.#recipients.enqueue(member)
    return true
  }
}
