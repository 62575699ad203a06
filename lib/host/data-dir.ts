// DataDir: a cluster's directory: its disks, logs, certificates, and the few facts kept between starts.
//
// Guarantee: at most one running cluster uses it. The claim is the control socket: who can connect to it finds a
// running cluster; a socket nobody answers is left over from one that was killed.

import * as fs from 'node:fs'
import * as path from 'node:path'
import { callControl, controlSocketPath, NotRunning } from './control-socket.js'

export interface ClusterFacts {
  readonly id: string
  /** What to add to the machine's clock to get the cluster's, when it last ran at scale 1. */
  readonly clockOffsetMs: number
  /** Cluster time never runs backwards, whatever the machine's clock does. */
  readonly clusterMs: number
}

const factsFile = 'cluster.json'
const probeTimeoutMs = 2_000

/** Makes the directory, and sees that nobody else uses it. Throws an Error that says what to do. */
export async function claimDataDir(dataDir: string): Promise<void> {
  try {
    makeDirectory(path.resolve(dataDir))
    fs.accessSync(dataDir, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK)
    const probe = path.join(dataDir, `.probe-${process.pid}`)
    fs.writeFileSync(probe, '')
    fs.unlinkSync(probe)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(`${dataDir} cannot be used as a data directory (${code}): choose another with --data-dir, or use --ephemeral`)
  }
  const socket = controlSocketPath(dataDir)
  if (!fs.existsSync(socket)) return
  const running = await callControl(socket, { method: 'ping', params: {} }, probeTimeoutMs).catch((error: Error) => error)
  if (running instanceof NotRunning) fs.rmSync(socket, { force: true })
  else {
    const pid = (running as { pid?: number }).pid
    throw new Error(
      `a cluster already runs on ${dataDir}${pid === undefined ? '' : ` (pid ${pid})`}: ` +
        `\`kabuki status --data-dir ${dataDir}\` shows it, \`kabuki down --data-dir ${dataDir}\` ends it, another --data-dir starts a second`
    )
  }
}

// Not `mkdir` with `recursive`: in /proc, where a file system answers ENOENT for ever, Node's never returns.
function makeDirectory(directory: string): void {
  if (fs.existsSync(directory)) return
  makeDirectory(path.dirname(directory))
  fs.mkdirSync(directory, { mode: 0o700 })
}

export function readFacts(dataDir: string): ClusterFacts | undefined {
  try {
    return JSON.parse(fs.readFileSync(path.join(dataDir, factsFile), 'utf8')) as ClusterFacts
  } catch {
    return undefined
  }
}

export function writeFacts(dataDir: string, facts: ClusterFacts): void {
  const file = path.join(dataDir, factsFile)
  fs.writeFileSync(`${file}.tmp`, `${JSON.stringify(facts)}\n`, { mode: 0o600 })
  fs.renameSync(`${file}.tmp`, file)
}

/** Where cluster time goes on: as far from the machine's clock as it was, and never before where it had come to. */
export function resumeClusterMs(facts: ClusterFacts | undefined, realMs: number): number {
  return facts === undefined ? realMs : Math.max(realMs + facts.clockOffsetMs, facts.clusterMs)
}
