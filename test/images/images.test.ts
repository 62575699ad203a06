// Image names, commands, and what the stand-in programs answer.

import t from 'tap'
import { argvOf, imageOf, type Process, parseImage, resolveImage } from '../../lib/images/index.js'
import type { HttpRequest } from '../../lib/ports/index.js'

t.test('references', async t => {
  const digest = `sha256:${'a'.repeat(64)}`
  const cases: Record<string, string | undefined> = {
    nginx: 'docker.io/library/nginx latest ',
    'nginx:1.27': 'docker.io/library/nginx 1.27 ',
    'bitnami/redis': 'docker.io/bitnami/redis latest ',
    'registry.k8s.io/pause:3.10': 'registry.k8s.io/pause 3.10 ',
    'localhost:5000/a/b': 'localhost:5000/a/b latest ',
    [`nginx@${digest}`]: `docker.io/library/nginx  ${digest}`,
    [`nginx:1@${digest}`]: `docker.io/library/nginx 1 ${digest}`,
    'index.docker.io/library/nginx': 'docker.io/library/nginx latest ',
    'nginx:': undefined,
    'nginx:a b': undefined,
    Nginx: undefined,
    'a//b': undefined,
    '-a': undefined,
    'nginx@sha256:12': undefined,
    '': undefined
  }
  for (const [text, expected] of Object.entries(cases)) {
    const found = parseImage(text)
    t.equal(found && `${found.repository} ${found.tag} ${found.digest}`, expected, text)
  }
})

t.test('resolving: stand-ins, modules, the rest', async t => {
  const modules = [{ name: 'example.com/own:2', url: 'file:///own.mjs' }]
  const cases: [string, 'refuse' | 'simulate', object][] = [
    ['nginx', 'refuse', { ok: true, image: 'docker.io/library/nginx:latest', simulated: false }],
    ['nginx:does-not-exist', 'refuse', { ok: true, image: 'docker.io/library/nginx:does-not-exist' }],
    ['example.com/own:2', 'refuse', { ok: true, image: 'example.com/own:2', simulated: false }],
    ['example.com/own:3', 'refuse', { ok: false, reason: 'ErrImagePull' }],
    ['example.com/own:3', 'simulate', { ok: true, simulated: true }],
    ['nginx:-', 'simulate', { ok: false, reason: 'InvalidImageName' }]
  ]
  for (const [text, unknown, expected] of cases) t.match(resolveImage(text, modules, unknown), expected, `${text} ${unknown}`)
})

t.test('commands as Kubernetes overrides them', async t => {
  const image = { entrypoint: ['/entry'], cmd: ['default'] }
  t.same(argvOf(image, undefined, undefined), ['/entry', 'default'])
  t.same(argvOf(image, undefined, ['arg']), ['/entry', 'arg'])
  t.same(argvOf(image, ['own'], undefined), ['own'])
  t.same(argvOf(image, ['own'], ['arg']), ['own', 'arg'])
})

function play(image: string, command?: string[], args?: string[]) {
  const seen = { out: [] as string[], exits: [] as number[], ports: [] as number[], said: [] as string[], shell: [] as string[] }
  const program = imageOf(image, [])
  const process: Process = {
    argv: argvOf(program, command, args),
    env: {},
    image,
    pod: { namespace: 'ns', name: 'web-1', uid: 'u', node: 'worker-1', ip: '127.9.2.2', hostname: 'web-1' },
    container: 'app',
    nowMs: 1_800_000_000_000,
    out: line => void seen.out.push(line),
    err: line => void seen.out.push(line),
    exit: code => void seen.exits.push(code),
    listenHttp: port => void seen.ports.push(port),
    say: (transport, port, bytes) => void seen.said.push(`${transport} ${port} ${new TextDecoder().decode(bytes)}`),
    shell: argv => void seen.shell.push(...argv),
    module: () => undefined
  }
  const running = program.program.begin(process)
  const get = (path: string, method = 'GET'): string => {
    const request: HttpRequest = {
      id: 1,
      method,
      path,
      headers: { 'user-agent': 'curl/8' },
      body: new Uint8Array(0),
      client: null,
      remoteAddress: '127.9.2.1',
      localAddress: '127.9.2.2'
    }
    const answer = running.http?.(request)
    return `${answer?.status} ${String(answer?.body)}`
  }
  return { seen, running, get }
}

t.test('web servers', async t => {
  for (const [image, name] of [
    ['docker.io/library/nginx:1.27', 'nginx'],
    ['docker.io/library/httpd:2', 'httpd']
  ] as const) {
    const { seen, running, get } = play(image)
    t.same(seen.ports, [80])
    t.match(get('/'), new RegExp(`^200 [^]*Welcome to ${name}![^]*${image}[^]*ns/web-1[^]*worker-1[^]*127.9.2.2`))
    t.match(get('/x?y'), /^404 /)
    t.equal(seen.out.at(-1)?.startsWith('127.9.2.1 - - [15/Jan/2027:08:00:00 +0000] "GET /x?y HTTP/1.1" 404 '), true)
    running.signal?.('SIGTERM')
    t.same(seen.exits, [0])
  }
  t.same(play('docker.io/library/nginx:1', ['sh', '-c', 'true']).seen.shell, ['sh', '-c', 'true'])
})

t.test('agnhost', async t => {
  const image = 'registry.k8s.io/e2e-test-images/agnhost:2.55'
  const { seen, get } = play(image, undefined, ['netexec', '--http-port=8083', '--udp-port', '8084'])
  t.same([seen.ports, seen.said], [[8083], ['UDP 8084 web-1']])
  const answers: Record<string, string> = {
    '/hostname': '200 web-1',
    '/clientip': '200 127.9.2.1',
    '/echo?msg=a%20b+c': '200 a b c',
    '/echo?msg=%zz': '200 %zz',
    '/healthz': '200 ',
    '/nothing': '404 404 page not found\n'
  }
  for (const [path, expected] of Object.entries(answers)) t.equal(get(path), expected, path)
  get('/exit?code=4')
  t.same(seen.exits, [4])
  t.same(play(image, undefined, ['serve-hostname']).seen.ports, [9376])
  t.same(play(image, undefined, ['nonsense']).seen.exits, [1])
  t.same(play('docker.io/library/busybox:1', undefined, ['sleep', '5']).seen.shell, ['sleep', '5'])
})
