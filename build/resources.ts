// Resources: `dist/resources`, what is generated from upstream's packages, and when it has to be generated anew.
//
// Written once per state of its inputs: the versions of the two packages and the compiled generator itself. Go types are kept by themselves,
// since they cost the most and depend on the layer's version and their reader alone.

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { clientPackage, readClientModels } from './client-models.js'
import { etcdClientVersion, readEtcdProtos } from './etcd-protos.js'
import { type GoStruct, readGoTypes } from './go-types.js'
import { dist, kubectlPath, layerVersion, packageVersion } from './kubectl-layer.js'
import { buildModels } from './models.js'
import { serve } from './openapi.js'
import { buildSwagger } from './openapi-v2.js'
import { buildDocuments, buildIndex } from './openapi-v3.js'
import { readOperations } from './operations.js'
import { buildMessages } from './protobuf.js'
import { buildSchemas, rootsOf } from './schemas.js'
import { servedKinds } from './served.js'

const resources = join(dist, 'resources')
const stampFile = join(dist, 'cache', 'resources.stamp')

/** Brings `dist/resources` up to date; false if it already was. */
export function buildResources(): boolean {
  const stamp = inputs()
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return false
  rmSync(stampFile, { force: true })
  const structs = goTypes()
  const models = buildModels(structs, readClientModels())
  const published = servedKinds.filter(kind => !kind.planned)
  const operations = serve(readOperations(), published, models)
  rmSync(join(resources, 'openapi'), { recursive: true, force: true })
  write('schemas.json', buildSchemas(models, servedKinds))
  write('protobuf.json', buildMessages(structs, rootsOf(models, servedKinds)))
  write('etcd.json', readEtcdProtos())
  const texts = new Map<string, string>()
  for (const [name, document] of buildDocuments(models, operations, published)) {
    texts.set(name, write(`openapi/v3/${name}.json`, document))
  }
  write('openapi/index.json', buildIndex(texts))
  write('openapi/v2.json', buildSwagger(models, operations, published))
  writeText(stampFile, stamp)
  return true
}

function inputs(): string {
  const own = join(dist, 'build')
  const hash = createHash('sha256').update(`${packageVersion(clientPackage)} ${layerVersion()} ${etcdClientVersion()}`)
  for (const file of readdirSync(own).sort()) if (file.endsWith('.js')) hash.update(readFileSync(join(own, file)))
  return hash.digest('hex')
}

const goPackages =
  /^k8s\.io\/(api\/[a-z]+\/v\w+|apimachinery\/pkg\/(apis\/meta\/v1|api\/resource|util\/intstr|runtime|version)|apiextensions-apiserver\/pkg\/apis\/apiextensions\/v1)$/

function goTypes(): Map<string, GoStruct> {
  const reader = createHash('sha256')
    .update(readFileSync(join(dist, 'build', 'go-types.js')))
    .update(String(goPackages))
    .digest('hex')
  const file = join(dist, 'cache', `go-types-${layerVersion()}-${reader.slice(0, 16)}.json`)
  if (existsSync(file)) return new Map(JSON.parse(readFileSync(file, 'utf8')))
  const types = readGoTypes(readFileSync(kubectlPath()), packagePath => goPackages.test(packagePath))
  writeText(file, JSON.stringify([...types]))
  return types
}

function write(name: string, value: unknown): string {
  const text = JSON.stringify(value)
  writeText(join(resources, name), text)
  return text
}

function writeText(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
