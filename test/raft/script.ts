// Script: a scenario as text: commands to a cluster, each followed by what came of it. What is expected is recorded, and read by people.
//
//   # comment
//   command arguments
//   ----
//   output, up to an empty line
//
// The network is moved by hand; members draw fixed jitter, `a` the least, and saves are done at once.

import {
  type DecidedChange,
  defaultLimits,
  isVoterOf,
  type Membership,
  type MembershipChange,
  type Message,
  type ProposedChange
} from '../../lib/raft/index.js'
import { Cluster } from './cluster.js'

/** The script with the output it gives now. */
export function play(script: string): string {
  const stage = new Stage()
  return `${script
    .split('\n\n')
    .map(block => playBlock(stage, block.trim()))
    .join('\n\n')}\n`
}

function playBlock(stage: Stage, block: string): string {
  const lines = block.split('\n')
  const at = lines.findIndex(line => line !== '' && !line.startsWith('#'))
  if (at < 0) return block
  const output = stage.run(lines[at] as string)
  return [...lines.slice(0, at + 1), '----', ...output].join('\n')
}

const name = ({ voters, outgoing, learnersNext, learners, removed, returning }: Membership): string =>
  [
    `voters ${voters.join(' ')}`,
    ...(outgoing === undefined ? [] : [`outgoing ${outgoing.join(' ')}`]),
    ...(learnersNext === undefined ? [] : [`learners next ${learnersNext.join(' ')}`]),
    ...(learners.length > 0 ? [`learners ${learners.join(' ')}`] : []),
    ...(returning === undefined ? [] : [`returning ${returning.join(' ')}`]),
    ...(removed.length > 0 ? [`removed ${removed.join(' ')}`] : [])
  ].join(', ')

function told(message: Message): string {
  const head = `${message.from}>${message.to} ${message.type} term ${message.term}`
  switch (message.type) {
    case 'append': {
      const { prevIndex, prevTerm, entries, commit } = message
      const texts = entries.map(({ kind, data }) => (kind === 'config' ? changeText(data) : JSON.stringify(new TextDecoder().decode(data))))
      return `${head} after ${prevIndex}/${prevTerm} [${texts.join(' ')}] commit ${commit}`
    }
    case 'appendResponse':
      return message.rejected
        ? `${head} rejects ${message.index}, hint ${message.hintIndex}/${message.hintTerm}`
        : `${head} has ${message.index}`
    case 'heartbeat':
      return `${head} commit ${message.commit} round ${message.round}`
    case 'heartbeatResponse':
      return `${head} round ${message.round}`
    case 'preVote':
    case 'vote':
      return `${head} last ${message.lastIndex}/${message.lastTerm}${message.force === true ? ' forced' : ''}`
    case 'preVoteResponse':
    case 'voteResponse':
      return `${head} ${message.granted ? 'granted' : 'refused'}`
    case 'snapshot':
      return `${head} at ${message.snapshot.meta.index}: ${name(message.snapshot.meta.membership)}`
    case 'readIndexResponse':
      return `${head} index ${message.index}`
    default:
      return head
  }
}

function changeText(data: Uint8Array): string {
  const change = JSON.parse(new TextDecoder().decode(data)) as DecidedChange
  const single = ({ kind, member }: MembershipChange): string => `${kind} ${member}`
  if (change.kind === 'joint') return `joint ${change.changes.map(single).join(', ')}`
  return change.kind === 'leave' ? change.kind : single(change)
}

/** Commands of which only what members say then is told. */
const silently: Readonly<Record<string, (cluster: Cluster, args: readonly string[]) => void>> = {
  campaign: (cluster, [id = '']) => cluster.act(id, raft => raft.campaign()),
  down: (cluster, [id = '', peer = '']) => cluster.act(id, raft => raft.peerDown(peer)),
  tick: (cluster, [id = '', times = '1']) => cluster.tick(id, Number(times)),
  compact: (cluster, [id = '']) => cluster.compact(id),
  crash: (cluster, [id = '']) => cluster.crash(id),
  restart: (cluster, [id = '']) => cluster.restart(id),
  lose: (cluster, [id = '']) => cluster.lose(id),
  rejoin: (cluster, [id = '', leader = '']) => cluster.rejoin(id, leader),
  isolate: (cluster, [id = '']) => cluster.isolate(id),
  cut: (cluster, [a = '', b = '']) => cluster.disconnect(a, b),
  heal: cluster => cluster.heal(),
  forget(cluster, [id = '', commit = '0']) {
    const { disk } = cluster.member(id)
    disk.hardState = { ...disk.hardState, commit: Number(commit) }
  }
}

class Stage {
  #cluster: Cluster | undefined
  #nowMs = 0
  readonly #seen = new Set<string>()

  get #made(): Cluster {
    if (this.#cluster === undefined) throw new Error('a script begins with `new`')
    return this.#cluster
  }

  run(line: string): string[] {
    const [command = '', ...args] = line.split(' ')
    const before = this.#cluster?.network.slice() ?? []
    const output = this.#do(command, args)
    if (this.#cluster === undefined || ['settle', 'pass', 'deliver', 'status', 'network'].includes(command)) return output
    return [...output, ...this.#made.network.filter(message => !before.includes(message)).map(told)]
  }

  #do(command: string, args: readonly string[]): string[] {
    const silent = silently[command]
    if (silent !== undefined) {
      silent(this.#made, args)
      return []
    }
    const [first = '', second = '', third = ''] = args
    switch (command) {
      case 'new':
        return this.#make(args)
      case 'propose':
        return [this.#made.propose(first, second) ? 'accepted' : 'refused']
      case 'change':
        return [this.#change(first, { kind: second as MembershipChange['kind'], member: third })]
      case 'joint': {
        const changes = args.slice(1).map(arg => arg.split(':') as [MembershipChange['kind'], string])
        return [this.#change(first, { kind: 'joint', changes: changes.map(([kind, member]) => ({ kind, member })) })]
      }
      case 'transfer':
        return [this.#transfer(first, second)]
      case 'read':
        return [this.#made.read(first, Number(second)) ? 'accepted' : 'refused', ...this.#answers()]
      case 'clock':
        this.#nowMs += Number(first)
        return []
      case 'drop':
        return this.#drop(args)
      case 'deliver':
        return this.#deliver(Number(first || 1))
      case 'settle':
        return this.#settle()
      case 'pass':
        this.#made.pass(Number(first))
        return [...this.#answers(), ...this.#status()]
      case 'network':
        return this.#made.network.map(told)
      case 'status':
        return this.#status()
      default:
        throw new Error(`there is no command ${command}`)
    }
  }

  #make(args: readonly string[]): string[] {
    const options = Object.fromEntries(args.map(arg => arg.split('='))) as Record<string, string>
    const { size, spares, leaseMs, ...limits } = options
    let lives = 0
    this.#cluster = new Cluster({
      size: Number(size ?? 3),
      spares: Number(spares ?? 0),
      limits: { ...defaultLimits, ...Object.fromEntries(Object.entries(limits).map(([key, value]) => [key, Number(value)])) },
      random: id => {
        let drawn = false
        return () => {
          if (drawn) return (id.charCodeAt(0) - 97) / 10
          drawn = true
          return ++lives / 100
        }
      },
      ...(leaseMs === undefined ? {} : { leaseReads: () => ({ nowMs: () => this.#nowMs, leaseMs: Number(leaseMs) }) })
    })
    return []
  }

  #change(id: string, change: ProposedChange): string {
    let text = ''
    this.#made.act(id, raft => {
      const proposed = raft.proposeChange(change)
      text = proposed.accepted ? `entry ${proposed.index}` : `refused: ${proposed.reason}`
    })
    return text
  }

  #transfer(id: string, to: string): string {
    let text = ''
    this.#made.act(id, raft => {
      const moved = raft.transferLeadership(to)
      text = moved.accepted ? 'accepted' : `refused: ${moved.reason}`
    })
    return text
  }

  /** All, or those of a link `a>b`. */
  #drop([link]: readonly string[]): string[] {
    const { network } = this.#made
    const gone = network.filter(({ from, to }) => link === undefined || link === `${from}>${to}`)
    network.splice(0, network.length, ...network.filter(message => !gone.includes(message)))
    return gone.map(told)
  }

  #deliver(count: number): string[] {
    const lines: string[] = []
    for (let i = 0; i < count && this.#made.network.length > 0; i++) {
      const [message] = this.#made.network
      const before = this.#made.network.slice(1)
      this.#made.deliver(0)
      lines.push(told(message as Message), ...this.#made.network.filter(one => !before.includes(one)).map(one => `  ${told(one)}`))
    }
    return [...lines, ...this.#answers()]
  }

  #settle(): string[] {
    this.#made.settle()
    return [...this.#answers(), ...this.#status()]
  }

  #answers(): string[] {
    const answered = [...this.#made.answers].map(([context, index]) => `read ${context} sees ${index}`)
    const lost = [...this.#made.lost].map(context => `read ${context} is lost`)
    const fresh = [...answered, ...lost].filter(line => !this.#seen.has(line))
    for (const line of fresh) this.#seen.add(line)
    return fresh
  }

  /** Those that are members by their own account, were, or have been told anything. */
  #status(): string[] {
    return this.#made.members.flatMap(({ id, raft, lost }) => {
      if (raft === null) return [`${id} ${lost ? 'lost its past' : 'down'}`]
      const { role, term, vote, commit, lastIndex, membership } = raft.status()
      if (term === 0 && !isVoterOf(membership, id)) return []
      return [`${id} ${role} term ${term} vote ${vote ?? '-'} commit ${commit} last ${lastIndex}; ${name(membership)}`]
    })
  }
}
