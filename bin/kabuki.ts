#!/usr/bin/env node
// kabuki: the command.

import { existsSync, readFileSync } from 'node:fs'
import * as path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Command, InvalidArgumentError, Option } from 'commander'
import { type LiveFaultKind, liveFaultKinds, type WorkloadName } from '../lib/chaos/index.js'
import { parseDuration } from '../lib/cli/index.js'
import { type ModuleImage, parseImage } from '../lib/images/index.js'
import { chaos } from './commands/chaos.js'
import { type ChaosRunOptions, chaosRun } from './commands/chaos-run.js'
import { check } from './commands/check.js'
import { clock } from './commands/clock.js'
import { demo } from './commands/demo.js'
import { down } from './commands/down.js'
import { etcdServers } from './commands/etcd.js'
import { kubectl } from './commands/kubectl.js'
import { type SimOptions, sim, workloadNames, workloadOf } from './commands/sim.js'
import { status } from './commands/status.js'
import { restoreStore, saveStore } from './commands/store.js'
import { replaceStoreMembers, storeMembers } from './commands/store-members.js'
import { up } from './commands/up.js'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }

const count = (least: number, most: number) => (text: string) => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < least || value > most) throw new InvalidArgumentError(`a whole number from ${least} to ${most}`)
  return value
}
const scale = (text: string): number => {
  const value = Number(text)
  if (!(value > 0 && value <= 60)) throw new InvalidArgumentError('a number above 0 and up to 60')
  return value
}
const duration = (text: string): number => {
  const ms = parseDuration(text)
  if (ms === undefined) throw new InvalidArgumentError('a duration such as 500ms, 30s, 5m or 1h30m')
  return ms
}
const odd = (text: string): number => {
  const value = count(1, 7)(text)
  if (value % 2 === 0) throw new InvalidArgumentError('an odd number: a store needs a majority')
  return value
}
const workload = (text: string): WorkloadName | 'all' => {
  const name = workloadOf(text)
  if (name === undefined) throw new InvalidArgumentError(`one of ${workloadNames.join(', ')}`)
  return name
}
/** A machine's name says enough. */
const memberAddress = (name: string): string => (name.includes('/') ? name : `${name}/store`)
const memberAddresses = (text: string): readonly string[] => text.split(',').map(memberAddress)
const newMembers = (text: string): readonly string[] | number => (/^\d+$/.test(text) ? count(0, 7)(text) : memberAddresses(text))
const strikes = (text: string): readonly number[] => (text === 'none' ? [] : text.split(',').map(count(1, 1_000_000)))
/** `name=./module.mjs`, as often as wanted. */
const image = (text: string, before: readonly ModuleImage[]): readonly ModuleImage[] => {
  const at = text.indexOf('=')
  const name = text.slice(0, at)
  const file = path.resolve(text.slice(at + 1))
  if (at < 1 || parseImage(name) === undefined) throw new InvalidArgumentError('the name of an image, =, and the path of a JS module')
  if (!existsSync(file)) throw new InvalidArgumentError(`${file} does not exist`)
  return [...before, { name, url: pathToFileURL(file).href }]
}

const faultKinds = (text: string): readonly LiveFaultKind[] =>
  text.split(',').map(name => {
    const kind = liveFaultKinds.find(one => one === name.trim())
    if (kind === undefined) throw new InvalidArgumentError(`a list of ${liveFaultKinds.join(', ')}`)
    return kind
  })

const dataDir = (): Option => new Option('--data-dir <directory>', 'where the cluster keeps its data').default('./.kabuki')
const output = (): Option => new Option('-o, --output <format>', 'how to print').choices(['text', 'json']).default('text')

const program = new Command('kabuki')
  .description('A whole Kubernetes, played by actors: start it, drive it with kubectl, break any part of it on purpose.')
  .version(version)
  .showHelpAfterError('(kabuki --help, or kabuki <command> --help, says what there is)')
  .enablePositionalOptions()

program
  .command('up')
  .description('start a cluster and keep it running; Ctrl-C stops it')
  .addOption(dataDir())
  .option('--nodes <n>', 'worker machines', count(0, 1000), 3)
  .option('--stores <n>', 'members of the store: an odd number', odd, 3)
  .addOption(
    new Option('--etcd-servers <urls>', 'a real etcd instead of stores: http(s)://host:port, with commas between')
      .argParser(etcdServers)
      .conflicts(['stores', 'etcdPort', 'etcdInsecure'])
  )
  .option('--etcd-prefix <prefix>', 'where in that etcd the cluster is', '/registry')
  .option('--etcd-cafile <file>', 'the authority of the certificates of an https etcd; default: those of the system')
  .option('--etcd-certfile <file>', 'the certificate shown to etcd')
  .option('--etcd-keyfile <file>', 'its key')
  .option('--apiservers <n>', 'apiservers', count(1, 3), 1)
  .option('--controller-managers <n>', 'controller-managers, one of which leads', count(1, 3), 1)
  .option('--schedulers <n>', 'schedulers, one of which leads', count(1, 3), 1)
  .option('--port <port>', 'the port of the API; the next free one if it is taken', count(1, 65535), 6443)
  .option(
    '--store-quota-bytes <n>',
    'how much the store may hold before it refuses to grow; default: 2 GiB, as etcd',
    count(1 << 20, 2 ** 40)
  )
  .option(
    '--etcd-port <port>',
    'let store members answer the etcd v3 API, the first on this port, the others on those after it',
    count(1, 65535)
  )
  .option('--etcd-insecure', 'and do so in plain text, to everybody on this machine')
  .option('--ephemeral', 'keep nothing: a temporary data directory that goes with the cluster')
  .option('--seed <n>', 'seed of every choice the components make by chance', count(0, 2 ** 32 - 1))
  .option('--time-scale <x>', 'how fast the cluster clock runs, up to 60', scale, 1)
  .option('--detach', 'start in the background and return when it is ready')
  .option('--node-grace <duration>', 'how long a node may be silent before it counts as NotReady', duration)
  .addOption(new Option('--runtime <name>', 'how containers run').choices(['stand-in', 'simulated']).default('stand-in'))
  .addOption(new Option('--unknown-images <how>', 'what an unknown image does').choices(['fail', 'simulate']).default('fail'))
  .option('--image <name=module>', 'a JS module that runs as that image, trusted code; may be given several times', image, [])
  .addOption(output())
  .action(up)

program.command('down').description('stop the cluster').addOption(dataDir()).addOption(output()).action(down)

program.command('status').description('show machines, threads, actors, leaders').addOption(dataDir()).addOption(output()).action(status)

const store = program.command('store').description('the store of a cluster: its members; its state as a file, and a new cluster with that')
const storeCommand = (name: string, description: string): Command =>
  store.command(name).description(description).addOption(dataDir()).addOption(output())

storeCommand('members', 'show the members of the store').action(options => storeMembers({ action: 'list' }, options))
storeCommand('add', 'add a member, on a machine of its own that is started; its address is used once')
  .argument('[address]', 'a machine; default: the next control-N', memberAddress)
  .option('--learner', 'it is sent the log and does not count, until it is promoted', false)
  .action((address, { learner, ...options }) => storeMembers({ action: 'add', address, isLearner: learner }, options))
for (const [action, description] of [
  ['promote', 'make a learner that has caught up a voter'],
  ['remove', 'remove a member for ever: its address is not used again'],
  ['move-leader', 'have that member lead']
] as const)
  storeCommand(action, description)
    .argument('<address>', 'a member: its machine, control-1, or control-1/store', memberAddress)
    .action((address, options) => storeMembers({ action, address }, options))

storeCommand(
  'replace',
  'have some members come and others go, all at once, while the store serves; --remove all of them to move it elsewhere'
)
  .option('--remove <members>', 'who goes, with commas between: control-0,control-1', memberAddresses)
  .option('--add <members>', 'who comes, or how many; default: as many as go, on the next machines', newMembers)
  .option('--timeout <duration>', 'how long to wait for those that come to learn all there is', duration, 10 * 60_000)
  .action(replaceStoreMembers)

program.command('demo').description('start a temporary cluster and show what it does, step by step').action(demo)

program
  .command('kubectl')
  .description('the kubectl on PATH, pointed at the cluster; put --data-dir before kubectl’s own arguments')
  .addOption(dataDir())
  .argument('[arguments...]', 'passed on as they are')
  .allowUnknownOption()
  .passThroughOptions()
  .helpOption(false)
  .action(kubectl)

store
  .command('save')
  .description('write the state of the store, as it is now, to a file; of a running cluster, or of one that is stopped')
  .argument('<file>')
  .addOption(dataDir())
  .addOption(output())
  .action(saveStore)
store
  .command('restore')
  .description('make the data directory of a new cluster, with the state of a file; its revisions go on')
  .argument('<file>')
  .addOption(dataDir())
  .option('--stores <n>', 'members of the new store: an odd number', odd, 3)
  .addOption(output())
  .action(restoreStore)

const breaking = program.command('chaos').description('break an actor, a thread, a machine, or the links between machines')
const target = '<actor|thread|machine>'
breaking
  .command('kill')
  .argument(target)
  .description('end it at once; its supervisor brings it back')
  .option('--for <duration>', 'bring it back after that long', duration)
  .option('--stay-down', 'bring it back only on `chaos resume`')
  .option('--power', 'and lose what its disk had not synced')
  .addOption(dataDir())
  .addOption(output())
  .action((name, options) => chaos('kill', [name], options))
breaking
  .command('pause')
  .argument(target)
  .description('hold it still')
  .option('--for <duration>', 'let it go on after that long', duration)
  .addOption(dataDir())
  .addOption(output())
  .action((name, options) => chaos('pause', [name], options))
breaking
  .command('resume')
  .argument(target)
  .description('let it go on, or bring back what was to stay down')
  .addOption(dataDir())
  .addOption(output())
  .action((name, options) => chaos('resume', [name], options))
breaking
  .command('cut')
  .argument('<machine>')
  .argument('[machine]', 'default: all others')
  .description('cut the link between two machines, both ways')
  .addOption(dataDir())
  .addOption(output())
  .action((a, b, options) => chaos('cut', b === undefined ? [a] : [a, b], options))
breaking
  .command('slow')
  .argument('<machine>')
  .argument('[machine]', 'default: all others')
  .description('slow the link between two machines, both ways')
  .option('--by <duration>', 'what is sent arrives that much later', duration, 50)
  .addOption(dataDir())
  .addOption(output())
  .action((a, b, options) => chaos('slow', b === undefined ? [a] : [a, b], options))
breaking
  .command('heal')
  .argument('[machine]', 'default: everything')
  .argument('[other]')
  .description('mend links that are cut or slow')
  .addOption(dataDir())
  .addOption(output())
  .action((a, b, options) =>
    chaos(
      'heal',
      [a, b].filter((name): name is string => name !== undefined),
      options
    )
  )

breaking
  .command('run')
  .description('break parts of a cluster by chance for a while, then heal all; without a running cluster, of one of its own')
  .option('--for <duration>', 'how long', duration, 60_000)
  .option('--check', 'meanwhile use the API as many do, and check what it promises')
  .option('--seed <n>', 'seed of what is drawn by chance; threads interleave as they will', count(0, 2 ** 32 - 1))
  .option('--faults <list>', `which, separated by commas: ${liveFaultKinds.join(', ')}; default: all`, faultKinds)
  .option('--history <directory>', 'keep what clients saw there; default: only if a promise is broken')
  .addOption(dataDir())
  .addOption(output())
  .action((options: ChaosRunOptions) => chaosRun(options))

program
  .command('sim')
  .description('run workloads in the simulator, with faults drawn from a seed, and check what they promise')
  .option('--seed <n>', 'the seed, or the first of them', count(0, 2 ** 32 - 1), 1)
  .option('--seeds <n>', 'run that many seeds, side by side', count(1, 1_000_000))
  .option('--workload <name>', `what runs: ${workloadNames.join(', ')}`, workload, 'kubernetes' as const)
  .option('--faults <names>', 'all: what the seed draws; none; or kinds, with commas between', 'all')
  .option('--for <duration>', 'how much virtual time a run takes; default: the workload’s', duration)
  .option('--strikes <numbers>', 'of the strikes that fall due only these, with commas between; or none', strikes)
  .option('--clients <n>', 'at most so many clients', count(0, 1000))
  .option('--watchers <n>', 'at most so many of those who only watch', count(0, 1000))
  .option('--operations <n>', 'at most so many operations of all clients together', count(0, 1_000_000))
  .option('--twice <n>', 'run so many seeds a second time: both runs must be the same', count(0, 1_000_000), 0)
  .option('--shrink <n>', 'at most so many runs to make a failing seed smaller', count(0, 100_000), 150)
  .option('--jobs <n>', 'how many run at once; default: one for each core', count(1, 256))
  .option('--out <directory>', 'where files about failing seeds go', '.')
  .option('--record <file>', 'append what came of it to that file of Markdown')
  .addOption(output())
  .action((options: SimOptions) => sim(options))

program
  .command('check')
  .description(
    'judge a recorded history; exits with 0: passed, 1: a promise is broken, 2: the history cannot be read, 3: undecided within the bound'
  )
  .argument('<file>', 'JSON lines, as docs/checking.md has them; -: from standard input')
  .option('--html <file>', 'write a page that shows the history, and what is wrong with it')
  .addOption(output())
  .action(check)

const time = program.command('clock').description('move or scale the cluster’s time')
time
  .command('advance')
  .argument('<duration>', 'such as 5m', duration)
  .description('move cluster time on; everything that falls due runs on the way')
  .addOption(dataDir())
  .addOption(output())
  .action((advanceMs, options) => clock({ advanceMs }, options))
time
  .command('scale')
  .argument('<factor>', 'from above 0 to 60; 1 is real time', scale)
  .description('let cluster time run faster or slower')
  .addOption(dataDir())
  .addOption(output())
  .action((factor, options) => clock({ scale: factor }, options))

try {
  await program.parseAsync()
} catch (error) {
  process.stderr.write(`kabuki: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
