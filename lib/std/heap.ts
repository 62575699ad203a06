// Heap: a binary min-heap whose members know their place, so that removing one costs O(log n), not a search.

export interface HeapMember {
  heapIndex: number // -1 while outside the heap.
}

export class Heap<M extends HeapMember> {
  readonly #members: M[] = []
  readonly #before: (a: M, b: M) => boolean

  constructor(before: (a: M, b: M) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#members.length
  }

  peek(): M | undefined {
    return this.#members[0]
  }

  push(member: M): void {
    this.#members.push(member)
    this.#up(member, this.#members.length - 1)
  }

  pop(): M | undefined {
    const first = this.#members[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  remove(member: M): void {
    const index = member.heapIndex
    if (index < 0) return
    member.heapIndex = -1
    const last = this.#members.pop() as M
    if (last === member) return
    this.#place(last, index)
  }

  /** To be called after a member's key changed. */
  moved(member: M): void {
    if (member.heapIndex >= 0) this.#place(member, member.heapIndex)
  }

  #place(member: M, index: number): void {
    // Never at -1: V8 takes that for a name, and is slow to find that there is none.
    if (index > 0 && this.#before(member, this.#members[(index - 1) >> 1] as M)) this.#up(member, index)
    else this.#down(member, index)
  }

  #up(member: M, start: number): void {
    let index = start
    while (index > 0) {
      const at = (index - 1) >> 1
      const parent = this.#members[at] as M
      if (!this.#before(member, parent)) break
      this.#set(parent, index)
      index = at
    }
    this.#set(member, index)
  }

  #down(member: M, start: number): void {
    let index = start
    const size = this.#members.length
    for (;;) {
      let child = 2 * index + 1
      if (child >= size) break
      if (child + 1 < size && this.#before(this.#members[child + 1] as M, this.#members[child] as M)) child++
      const candidate = this.#members[child] as M
      if (!this.#before(candidate, member)) break
      this.#set(candidate, index)
      index = child
    }
    this.#set(member, index)
  }

  #set(member: M, index: number): void {
    this.#members[index] = member
    member.heapIndex = index
  }
}
