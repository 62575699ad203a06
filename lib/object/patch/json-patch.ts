// JSON patch (RFC 6902), by the rfc6902 package, with what it leaves open decided here: the number of operations and the
// growth by copies are bounded, paths meet own properties only, and array indices must exist.

import { applyPatch, type Operation } from 'rfc6902'
import type { Json } from '../api-object.js'
import { cloneJson } from '../meta.js'
import { byteLength } from '../names.js'
import { badRequest } from '../status.js'
import { faultError, isObject, PatchFault, type PatchResult, patchCopyBytesMax, patchOperationsMax, tooManyOperations } from './result.js'

const operators = ['add', 'remove', 'replace', 'move', 'copy', 'test']

export function applyJsonPatch(target: Json, patch: Json): PatchResult {
  if (!Array.isArray(patch)) return { ok: false, error: badRequest('json: cannot unmarshal object into Go value of type jsonpatch.Patch') }
  if (patch.length > patchOperationsMax) return { ok: false, error: tooManyOperations(patch.length) }
  const document = { root: cloneJson(target) }
  let copiedBytes = 0
  try {
    for (const operation of patch) {
      const checked = check(operation)
      copiedBytes += allow(document.root, checked)
      if (copiedBytes > patchCopyBytesMax) throw new PatchFault(`copies add more than ${patchCopyBytesMax} bytes`)
      // The document is wrapped, so that the root can be replaced like any other value.
      const [failure] = applyPatch(document, [wrapped(checked)])
      if (failure) throw new PatchFault(failure.message)
    }
  } catch (error) {
    if (error instanceof PatchFault) return { ok: false, error: faultError(error) }
    throw error
  }
  return { ok: true, value: document.root }
}

interface Step {
  readonly op: string
  readonly path: string
  readonly from?: string
  readonly value?: Json
}

function check(operation: Json): Step {
  if (!isObject(operation)) throw new PatchFault('an operation of a JSON patch must be an object', true)
  const { op, path, from, value } = operation
  if (typeof op !== 'string' || !operators.includes(op)) throw new PatchFault(`Unexpected kind: ${String(op)}`)
  if (typeof path !== 'string') throw new PatchFault(`${op} operation has no path`)
  const needsFrom = op === 'move' || op === 'copy'
  if (needsFrom && typeof from !== 'string') throw new PatchFault(`${op} operation has no from`)
  return { op, path, ...(needsFrom ? { from: from as string } : {}), ...(op === 'remove' || needsFrom ? {} : { value: value ?? null }) }
}

/** Throws if the operation must not be tried; returns the bytes a copy adds. */
function allow(root: Json, step: Step): number {
  if (step.from !== undefined) {
    const source = locate(root, step.from)
    if (source === undefined) throw new PatchFault(`${step.op} operation does not apply: from is missing`)
    locate(root, parentOf(step.path), step.path)
    return step.op === 'copy' ? byteLength(JSON.stringify(source)) : 0
  }
  if (step.op === 'add' || step.op === 'test') locate(root, parentOf(step.path), step.path)
  else if (locate(root, step.path) === undefined) throw new PatchFault(`${step.op} operation does not apply: doc is missing path`)
  return 0
}

/** The value there, by own properties; undefined if there is none. `target` is checked as a place in the value found. */
function locate(root: Json, path: string, target?: string): Json | undefined {
  let value: Json | undefined = root
  for (const token of tokensOf(path)) value = childOf(value, token)
  const last = target === undefined ? undefined : tokensOf(target).at(-1)
  if (last === undefined) return value
  if (typeof value !== 'object' || value === null) throw new PatchFault(`doc is missing path: ${target}`)
  if (Array.isArray(value) && last !== '-' && !(isIndex(last) && Number(last) <= value.length))
    throw new PatchFault(`Invalid index: ${target}`)
  return value
}

function childOf(value: Json | undefined, token: string): Json | undefined {
  if (Array.isArray(value)) return isIndex(token) ? value[Number(token)] : undefined
  return isObject(value) && Object.hasOwn(value, token) ? value[token] : undefined
}

const isIndex = (token: string): boolean => /^(0|[1-9][0-9]{0,8})$/.test(token)

// The package skips these three names on its way, to keep prototypes clean: refused here rather than misplaced there.
const refused = ['__proto__', 'constructor', 'prototype']

function tokensOf(path: string): string[] {
  if (path === '') return []
  if (!path.startsWith('/')) throw new PatchFault(`invalid JSON pointer: ${path}`)
  const found = path
    .slice(1)
    .split('/')
    .map(token => token.replaceAll('~1', '/').replaceAll('~0', '~'))
  if (found.some(token => refused.includes(token))) throw new PatchFault(`path not supported: ${path}`)
  return found
}

const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))

const wrapped = (step: Step): Operation =>
  ({ ...step, path: `/root${step.path}`, ...(step.from === undefined ? {} : { from: `/root${step.from}` }) }) as Operation
