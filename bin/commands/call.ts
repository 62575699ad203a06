// call: one request of a command to the running cluster.

import { callControl, controlSocketPath, NotRunning } from '../../lib/host/index.js'

export interface CommandOptions {
  readonly dataDir: string
  readonly output?: 'text' | 'json'
}

const timeoutMsDefault = 15_000

export async function call<R>({ dataDir }: CommandOptions, method: string, params: unknown, timeoutMs = timeoutMsDefault): Promise<R> {
  try {
    return (await callControl(controlSocketPath(dataDir), { method, params }, timeoutMs)) as R
  } catch (error) {
    if (!(error instanceof NotRunning)) throw error
    throw new Error(`no cluster runs on ${dataDir}: \`kabuki up --data-dir ${dataDir}\` starts one`)
  }
}

export const print = (options: CommandOptions, data: unknown, text: string): void =>
  void process.stdout.write(options.output === 'json' ? `${JSON.stringify(data, null, 2)}\n` : `${text}\n`)
