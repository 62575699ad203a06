// Chain: what waits in line, first in, first out, linked through its members: to wait costs no memory. A member is in one chain at a time.

export interface ChainMember<M> {
  next: M | undefined
}

export class Chain<M extends ChainMember<M>> {
  #first: M | undefined
  #last: M | undefined

  get isEmpty(): boolean {
    return this.#first === undefined
  }

  some(holds: (member: M) => boolean): boolean {
    for (let member = this.#first; member !== undefined; member = member.next) if (holds(member)) return true
    return false
  }

  push(member: M): void {
    if (this.#last === undefined) this.#first = member
    else this.#last.next = member
    this.#last = member
  }

  /** The first of all there are, to be followed by `unlink` while others come in here. */
  take(): M | undefined {
    const first = this.#first
    this.#first = undefined
    this.#last = undefined
    return first
  }
}

/** Takes a member out of what was taken. Answers the one behind it. */
export function unlink<M extends ChainMember<M>>(member: M): M | undefined {
  const { next } = member
  member.next = undefined
  return next
}
