// Addresses: the loopback addresses a cluster claims: two free /16 of 127.0.0.0/8, P for nodes and pods, S for services.
//
// A claim is a listening socket on 127.X.255.254, held as long as the process lives: the system itself sees to it that
// two clusters never have the same /16, and that a dead one's are free. What was claimed is kept in the data directory
// and claimed again at the next start; if another cluster has it by then, another is taken and `changed` says so.
//
// Where the system has only 127.0.0.1 (macOS), nothing can be claimed: `loopback` is 'one', pods and services have
// addresses nobody can dial, and NodePorts, the API and what is moved to 127.0.0.1 still work.

import * as fs from 'node:fs'
import * as net from 'node:net'
import * as path from 'node:path'

export interface ClaimedAddresses {
  /** 'many': all of 127.0.0.0/8 can be bound. 'one': only 127.0.0.1. */
  readonly loopback: 'many' | 'one'
  readonly podOctet: number // P: node N is 127.P.N.1, its pods 127.P.N.0/24.
  readonly serviceOctet: number // S: services are 127.S.0.0/16.
  readonly changed: boolean // They are not those of the last start.
  release(): Promise<void>
}

export interface ClaimOptions {
  readonly dataDir: string
  /** Where to begin to look, from 0 to 1: chance that is not ours to draw. */
  readonly startAt: number
  /** Tries to listen there; resolves to how to stop. For tests of what other systems do. */
  readonly tryListen?: (address: string, port: number) => Promise<() => Promise<void>>
}

const fileName = 'addresses.json'
const claimPort = 40_404
const claimHost = '255.254'
// 127.0 is everybody's; 127.1 is what `ping 127.1` users know; above 127.250 little is left to probe.
const octetFirst = 2
const octetLast = 250

/** Refused (an Error) only when no /16 is left. */
export async function claimAddresses({ dataDir, startAt, tryListen = listen }: ClaimOptions): Promise<ClaimedAddresses> {
  const file = path.join(dataDir, fileName)
  const before = readClaim(file)
  if (!(await isManyLoopback(tryListen))) {
    const octets = before ?? { podOctet: octetFirst, serviceOctet: octetFirst + 1 }
    return { loopback: 'one', ...octets, changed: false, release: async () => undefined }
  }
  const held = new Map<number, () => Promise<void>>()
  const claim = async (octet: number): Promise<boolean> => {
    if (held.has(octet)) return false
    const stop = await tryListen(`127.${octet}.${claimHost}`, claimPort).catch(() => undefined)
    if (stop !== undefined) held.set(octet, stop)
    return stop !== undefined
  }
  const release = async (): Promise<void> => {
    for (const stop of held.values()) await stop()
  }
  const count = octetLast - octetFirst + 1
  const next = async (preferred: number | undefined): Promise<number> => {
    if (preferred !== undefined && (await claim(preferred))) return preferred
    const first = Math.floor(startAt * count)
    for (let i = 0; i < count; i++) {
      const octet = octetFirst + ((first + i) % count)
      if (await claim(octet)) return octet
    }
    await release()
    throw new Error(`no /16 of 127.0.0.0/8 is left: ${count} are claimed by other clusters`)
  }
  const podOctet = await next(before?.podOctet)
  const serviceOctet = await next(before?.serviceOctet)
  const changed = before !== undefined && (before.podOctet !== podOctet || before.serviceOctet !== serviceOctet)
  writeClaim(file, { podOctet, serviceOctet })
  return { loopback: 'many', podOctet, serviceOctet, changed, release }
}

export const nodeAddress = ({ podOctet }: { readonly podOctet: number }, node: number): string => `127.${podOctet}.${node}.1`
export const podCidr = ({ podOctet }: { readonly podOctet: number }, node: number): string => `127.${podOctet}.${node}.0/24`
export const serviceCidr = ({ serviceOctet }: { readonly serviceOctet: number }): string => `127.${serviceOctet}.0.0/16`

interface Octets {
  readonly podOctet: number
  readonly serviceOctet: number
}

function readClaim(file: string): Octets | undefined {
  try {
    const { podOctet, serviceOctet } = JSON.parse(fs.readFileSync(file, 'utf8'))
    const usable = (octet: unknown): boolean => Number.isInteger(octet) && Number(octet) >= octetFirst && Number(octet) <= octetLast
    return usable(podOctet) && usable(serviceOctet) && podOctet !== serviceOctet ? { podOctet, serviceOctet } : undefined
  } catch {
    return undefined // None yet, or not readable: as at the first start.
  }
}

function writeClaim(file: string, octets: Octets): void {
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(`${file}.new`, `${JSON.stringify(octets)}\n`)
  fs.renameSync(`${file}.new`, file)
}

async function isManyLoopback(tryListen: NonNullable<ClaimOptions['tryListen']>): Promise<boolean> {
  try {
    const stop = await tryListen(`127.${octetLast}.${claimHost}`, 0)
    await stop()
    return true
  } catch {
    return false
  }
}

const listen: NonNullable<ClaimOptions['tryListen']> = (host, port) =>
  new Promise((resolve, reject) => {
    const server = net.createServer(socket => socket.destroy())
    server.once('error', reject)
    server.listen({ host, port, exclusive: true }, () => {
      server.unref()
      resolve(() => new Promise(done => server.close(() => done())))
    })
  })
