import * as http from 'node:http'
import type * as net from 'node:net'
import t from 'tap'
import { loadShell } from '../../lib/host/ports/shell.js'
import type { ShellResult, ShellRun } from '../../lib/ports/index.js'
import { PortHarness } from '../ports/port-harness.js'

interface Seen {
  stdout: string
  stderr: string
  lines: [ms: number, text: string][]
  exit: { code: number; signal?: string; detail?: string } | undefined
}

const limitMs = 60_000

class ShellTest {
  readonly seen = new Map<number, Seen>()
  port!: PortHarness
  names: Record<string, string[]> = {}
  #idLast = 0

  static async start(): Promise<ShellTest> {
    const test = new ShellTest()
    test.port = await PortHarness.start('shell', loadShell, {
      shellOutput: (_, __, { id, stream, bytes }) => {
        const seen = test.of(id)
        const text = Buffer.from(bytes).toString()
        seen[stream as 'stdout'] += text
        seen.lines.push([performance.now(), text])
      },
      shellExit: (_, __, { id, ...exit }) => {
        test.of(id).exit = exit
      },
      shellResolve: (_, __, { name }) => ({ addresses: test.names[name] ?? [] })
    })
    return test
  }

  of(id: number): Seen {
    const seen = this.seen.get(id) ?? { stdout: '', stderr: '', lines: [], exit: undefined }
    this.seen.set(id, seen)
    return seen
  }

  async begin(script: string | string[], more: Partial<ShellRun> = {}): Promise<number> {
    const id = ++this.#idLast
    const argv = typeof script === 'string' ? ['sh', '-c', script] : script
    await this.port.must('run', { id, argv, env: {}, cwd: '/', hostname: 'pod-1', ...more })
    return id
  }

  until(id: number, truth: (seen: Seen) => boolean): Promise<Seen> {
    return new Promise((resolve, reject) => {
      const startMs = performance.now()
      const look = (): void => {
        const seen = this.of(id)
        if (truth(seen)) resolve(seen)
        else if (performance.now() - startMs > limitMs) reject(new Error(`run ${id} is at ${JSON.stringify(seen)}`))
        else setTimeout(look, 2)
      }
      look()
    })
  }

  async whole(script: string | string[], more: Partial<ShellRun> = {}): Promise<Seen> {
    return this.until(await this.begin(script, more), seen => seen.exit !== undefined)
  }
}

const shell = await ShellTest.start()
t.teardown(() => shell.port.kill())

const scripts: [name: string, script: string | string[], stdout: string | RegExp, code?: number, stderr?: string | RegExp][] = [
  ['echo', 'echo hello; echo world', 'hello\nworld\n'],
  ['exit code', 'echo a; exit 3; echo b', 'a\n', 3],
  ['last status', 'false', '', 1],
  ['not found', 'nosuch; echo $?', '127\n', 0, /nosuch: command not found/],
  ['&& and ||', 'true && echo yes || echo no; false && echo yes || echo no; [ -f /none ] && echo f || echo nf', 'yes\nno\nnf\n'],
  ['variables and $( )', 'x=$(echo sub); y="<$x>"; echo $y $((2*3)) `echo bt`', '<sub> 6 bt\n'],
  [
    'loops',
    'for i in 1 2; do echo $i; done; n=0; while [ $n -lt 3 ]; do n=$((n+1)); echo n$n; done; until true; do :; done',
    '1\n2\nn1\nn2\nn3\n'
  ],
  [
    'functions',
    'f() { echo "f $1"; return 4; }; f a; echo $?; x=$(f b); echo "[$x]"; f c | tr c C; f d > /tmp/o; cat /tmp/o',
    'f a\n4\n[f b]\nf C\nf d\n'
  ],
  ['nested functions', 'g() { f; }; f() { echo f; }; g; echo "<$(g)>"; g | cat', 'f\n<f>\nf\n'],
  ['pipes', 'for i in 3 1 2; do echo $i; done | sort | while read l; do echo "l$l"; done; ls /etc | grep -c passwd', 'l1\nl2\nl3\n1\n'],
  [
    'redirections',
    'echo out > /tmp/f; echo more >> /tmp/f; cat < /tmp/f; { echo a; echo b; } > /tmp/g; wc -l < /tmp/g; echo e >&2',
    'out\nmore\n2\n',
    0,
    'e\n'
  ],
  ['2>&1', 'ls /none 2>&1 | grep -c none; ls /none 2>/dev/null; (echo s; echo t >&2) 2>&1', '1\ns\nt\n'],
  [
    '2>&1 of compounds',
    'for i in 1; do echo $i; ls /none; done 2>&1; { ls /none; } 2>/dev/null; f() { ls /none; }; f 2>/dev/null; f 2>&1 | grep -c none; echo e',
    /^1\nls: .*\n1\ne\n$/
  ],
  ['exec', 'echo a; exec echo b; echo c', 'a\nb\n'],
  ['eval', 'x="echo a; echo b"; eval "$x"', 'a\nb\n'],
  ['heredoc', 'cat <<EOF\nhi $((1+1)) $(echo sub)\nEOF\n', 'hi 2 sub\n'],
  ['if, case', 'if [ a = a ]; then echo y; else echo n; fi; case abc in a*) echo a;; *) echo other;; esac', 'y\na\n'],
  ['quotes', `echo 'single $x' "double $HOME" it\\'s`, "single $x double /root it's\n"],
  ['background and wait', 'echo a & wait; (sleep 0.01; echo b) & p=$!; wait $p; echo "c$?"', 'a\nb\nc0\n'],
  ['kill of a job', 'sleep 100 & kill $!; wait $!; echo over', 'over\n'],
  ['set -e', 'set -e; false || true; echo on; false; echo off', 'on\n', 1],
  ['sh -ec', ['sh', '-ec', 'echo on; false; echo off'], 'on\n', 1],
  ['arguments', ['/bin/sh', '-c', 'echo $1 $#', 'name', 'a b', 'c'], 'a b 2\n'],
  ['a command', ['echo', 'a  b', '$HOME', "it's"], "a  b $HOME it's\n"],
  ['a script file', ['/opt/run.sh', 'x'], 'ran x\n'],
  ['sh of a file', ['sh', '/opt/run.sh', 'y'], 'ran y\n'],
  ['nested shell', 'sh -c "echo in; exit 5"; echo $?', 'in\n5\n'],
  ['who and where', 'hostname; uname -sn; whoami; id -u; pwd; echo $HOSTNAME', 'pod-1\nLinux pod-1\nroot\n0\n/\npod-1\n'],
  ['trap EXIT', 'trap "echo bye" EXIT; echo hi; exit 2', 'hi\nbye\n', 2],
  ['kill $$ and a trap', 'trap "echo got" USR1; kill -USR1 1; echo on', 'got\non\n'],
  ['status survives the look for signals', 'trap "" TERM; false; echo $?; true; echo $?', '1\n0\n'],
  ['syntax error', 'echo (', '', 2, /syntax error/],
  ['date', 'date -u +%Y | wc -c; date +%s%3N | grep -c "^[0-9]\\{13\\}$"', '5\n1\n'],
  ['timeout', 'timeout 0.05 sleep 10; echo $?', '124\n'],
  ['seq, awk, sed', `seq 2 | awk '{print $1*2}' | sed s/4/four/`, '2\nfour\n'],
  ['sleep, wrongly', 'sleep abc; echo $?', '1\n', 0, /invalid number/]
]

t.test('scripts', async t => {
  for (const [name, script, stdout, code = 0, stderr = ''] of scripts) {
    const seen = await shell.whole(script, { files: { '/opt/run.sh': '#!/bin/sh\necho ran $1\n' } })
    if (typeof stdout === 'string') t.equal(seen.stdout, stdout, name)
    else t.match(seen.stdout, stdout, name)
    t.equal(seen.exit?.code, code, `${name}: code`)
    if (typeof stderr === 'string') t.equal(seen.stderr, stderr, `${name}: stderr`)
    else t.match(seen.stderr, stderr, `${name}: stderr`)
  }
})

t.test('output comes as it is written', async t => {
  const scripts = [
    'while true; do date +%s; echo hello; sleep 0.05; done',
    'main() { while true; do echo tick; echo hello; sleep 0.05; done; }; main'
  ]
  for (const script of scripts) {
    const id = await shell.begin(script)
    const seen = await shell.until(id, ({ stdout }) => (stdout.match(/hello/g)?.length ?? 0) >= 4)
    t.ok(seen.lines.length >= 4, 'each round is told by itself')
    t.equal(seen.exit, undefined)
    t.same(await shell.port.ask('signal', { id, signal: 'SIGTERM' }), { ok: true, value: true })
    t.match((await shell.until(id, ({ exit }) => exit !== undefined)).exit, { code: 143, signal: 'SIGTERM' })
  }
})

t.test('signals', async t => {
  const cases: [string, string, string, object][] = [
    ['echo up; sleep infinity', 'SIGKILL', 'up\n', { code: 137, signal: 'SIGKILL' }],
    ['echo up; while :; do :; done', 'SIGTERM', 'up\n', { code: 143, signal: 'SIGTERM' }],
    ['trap "echo bye; exit 7" TERM; echo up; while true; do sleep 0.01; done', 'SIGTERM', 'up\nbye\n', { code: 7, signal: undefined }],
    ['trap "echo bye; exit 0" TERM INT; echo up; sleep 1000 & wait', 'SIGINT', 'up\nbye\n', { code: 0 }],
    ['f() { echo bye; exit 4; }; trap f TERM; echo up; while true; do sleep 0.01; done', 'SIGTERM', 'up\nbye\n', { code: 4 }],
    ['trap "n=1" TERM; echo up; while [ -z "$n" ]; do sleep 0.01; done; echo went on', 'SIGTERM', 'up\nwent on\n', { code: 0 }],
    ['echo up; tail -f /dev/null', 'SIGTERM', 'up\n', { code: 143 }]
  ]
  for (const [script, signal, stdout, exit] of cases) {
    const id = await shell.begin(script)
    await shell.until(id, seen => seen.stdout === 'up\n')
    await shell.port.must('signal', { id, signal })
    const seen = await shell.until(id, seen => seen.exit !== undefined)
    t.equal(seen.stdout, stdout, script)
    t.match(seen.exit, exit, script)
  }
  const ignoring = await shell.begin('trap "" TERM; echo up; sleep 0.05; echo still')
  await shell.until(ignoring, seen => seen.stdout === 'up\n')
  await shell.port.must('signal', { id: ignoring, signal: 'SIGTERM' })
  t.match(await shell.until(ignoring, seen => seen.exit !== undefined), { stdout: 'up\nstill\n', exit: { code: 0 } })
  t.same(await shell.port.ask('signal', { id: 99_999, signal: 'SIGTERM' }), { ok: true, value: false })
})

t.test('sleeps are on the clock of the cluster', async t => {
  const id = await shell.begin('echo up; sleep 3600; date -u +%H; sleep 1d')
  await shell.until(id, seen => seen.stdout === 'up\n')
  await new Promise(resolve => setTimeout(resolve, 20))
  shell.port.setClock(Math.ceil(Date.now() / 86_400_000) * 86_400_000 + 5 * 3_600_000, 1)
  t.match(await shell.until(id, seen => seen.stdout.length > 3), { stdout: 'up\n05\n' })
  await shell.port.must('signal', { id, signal: 'SIGKILL' })
})

t.test('volumes and exec', async t => {
  await shell.port.must('volume', { name: 'config', files: { 'a.txt': 'one', 'sub/b.txt': 'two' } })
  await shell.port.must('volume', { name: 'shared', files: {}, bytesMax: 1000 })
  const mounts = [
    { path: '/etc/config', volume: 'config', readOnly: true },
    { path: '/data', volume: 'shared' },
    { path: '/only/b.txt', volume: 'config', subPath: 'sub/b.txt', readOnly: true }
  ]
  const id = await shell.begin(
    'cat /etc/config/a.txt; ls /etc/config; cat /only/b.txt; touch /etc/config/no; touch /data/ready; echo up; sleep 1000',
    { mounts }
  )
  const seen = await shell.until(id, ({ stdout }) => stdout.endsWith('up\n'))
  t.equal(seen.stdout, 'onea.txt\nsub\ntwoup\n')
  t.match(seen.stderr, /[Rr]ead-only file system/)
  const exec = (...argv: string[]): Promise<ShellResult> => shell.port.must('exec', { id, argv, timeoutMs: 300 })
  const text = ({ code, stdout, timedOut }: ShellResult) => [code, Buffer.from(stdout).toString(), timedOut]
  t.same(text(await exec('cat', '/data/ready')), [0, '', false])
  t.same(text(await exec('sh', '-c', 'echo $GREETING; exit 2')), [2, '\n', false])
  t.same(text(await exec('cat', '/none')).slice(0, 1), [1])
  t.same(text(await exec('nosuch')).slice(0, 1), [127])
  t.same(text(await exec('sleep', '100')), [137, '', true])
  t.same(text(await exec('sh', '-c', 'while :; do :; done')), [137, '', true], 'a loop without end holds nobody up')
  const other = await shell.whole('ls /data; printf "%02000d" 0 > /data/big; echo $?', { mounts })
  t.match(other.stdout, /^ready\n/, 'a volume is shared')
  t.notMatch(other.stdout, /\n0\n$/, 'and bounded')
  const at = '/var/run/secrets/kubernetes.io/serviceaccount'
  const token = await shell.whole(`cat ${at}/a.txt; ls ${at} /var/run/secrets`, {
    mounts: [{ path: at, volume: 'config', readOnly: true }]
  })
  t.match(token, { stdout: /^one(.|\n)*kubernetes.io\n/, exit: { code: 0 } }, 'deep mounts show on the way')
  await shell.port.must('volume', { name: 'config', files: { 'a.txt': 'changed' } })
  t.same(text(await exec('cat', '/etc/config/a.txt')), [0, 'changed', false], 'a changed ConfigMap is seen')
  t.same(
    await shell.port.must('readFile', { id, path: '/etc/config/a.txt' }).then(bytes => Buffer.from(bytes as Uint8Array).toString()),
    'changed'
  )
  t.equal(await shell.port.must('readFile', { id, path: '/none' }), null)
  await shell.port.must('signal', { id, signal: 'SIGKILL' })
})

t.test('a log that is followed by a sidecar', async t => {
  await shell.port.must('volume', { name: 'logs', files: {} })
  const mounts = [{ path: '/var/log', volume: 'logs' }]
  const writer = await shell.begin('i=0; while true; do echo "line $i" >> /var/log/1.log; i=$((i+1)); sleep 0.02; done', { mounts })
  const reader = await shell.begin(['/bin/sh', '-c', 'tail -n+1 -F /var/log/1.log'], { mounts })
  const seen = await shell.until(reader, ({ stdout }) => stdout.includes('line 12\n'))
  t.match(seen.stdout, /^line 0\nline 1\n/)
  for (const id of [writer, reader]) await shell.port.must('signal', { id, signal: 'SIGKILL' })
})

t.test('the network', async t => {
  const server = http.createServer((request, response) => {
    if (request.url === '/redirect') response.writeHead(302, { location: '/' })
    else if (request.url === '/missing') response.writeHead(404)
    response.end(`hello ${request.headers.host?.split(':')[0]} ${request.method}`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => [server.closeAllConnections(), server.close()])
  const { port } = server.address() as net.AddressInfo
  shell.names['web.default.svc.cluster.local'] = ['127.0.0.1']
  const files = {
    '/etc/resolv.conf': 'nameserver 10.96.0.10\nsearch default.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n'
  }
  const cases: [string, string | RegExp, number, string | RegExp][] = [
    [`wget -qO- http://web:${port}`, 'hello web GET', 0, ''],
    [`wget -O- http://web:${port}/redirect`, 'hello web GET', 0, /Connecting to web:\d+ \(127.0.0.1:\d+\)/],
    [`wget -q web:${port}/page; cat page`, 'hello web GET', 0, ''],
    [`wget -qO- http://web:${port}/missing`, '', 1, /server returned error: HTTP\/1.1 404/],
    ['wget -qO- http://nowhere', '', 1, "wget: bad address 'nowhere'\n"],
    ['wget -T 1 -qO- http://web:1', '', 1, /can't connect to remote host .*Connection refused/],
    [`curl -s http://web:${port}`, 'hello web GET', 0, ''],
    [`nc -zv web ${port}`, '', 0, `web (127.0.0.1:${port}) open\n`],
    ['nc -z web 1', '', 1, /Connection refused/],
    [`printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc web ${port} | head -n1`, /^HTTP\/1.1 200/, 0, ''],
    ['nslookup web', /Server:\t\t10.96.0.10\n(.|\n)*Name:\tweb.default.svc.cluster.local\nAddress: 127.0.0.1\n/, 0, ''],
    ['until nslookup other > /dev/null; do echo waiting; sleep 0.01; done; echo there', /^(waiting\n){2,}there\n$/, 0, '']
  ]
  for (const [script, stdout, code, stderr] of cases) {
    const id = await shell.begin(script, { files })
    if (script.startsWith('until')) {
      await shell.until(id, seen => seen.lines.length >= 2)
      shell.names['other.default.svc.cluster.local'] = ['127.0.0.1']
    }
    const seen = await shell.until(id, seen => seen.exit !== undefined)
    t.match(seen, { stdout, stderr, exit: { code } }, script)
  }
})

t.test('bounds and refusals', async t => {
  const id = await shell.begin(
    'yes | head -n 0; while :; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; done'
  )
  await shell.until(id, ({ stdout }) => stdout.length > 0)
  const [startMs, before] = [performance.now(), shell.of(id).stdout.length]
  await new Promise(resolve => setTimeout(resolve, 300))
  const rate = (shell.of(id).stdout.length - before) / (performance.now() - startMs)
  t.ok(rate < 2000, `${rate.toFixed()} kB/s`)
  await shell.until(id, ({ stdout }) => stdout.length > before)
  t.match(await shell.port.ask('run', { id, argv: ['true'], env: {}, cwd: '/', hostname: '' }), { ok: false, error: { code: 'exists' } })
  await shell.port.must('signal', { id, signal: 'SIGKILL' })
  const run = { id: 5000, env: {}, cwd: '/', hostname: '' }
  t.match(await shell.port.ask('run', { ...run, argv: [] }), { ok: false, error: { code: 'invalid' } })
  t.match(await shell.port.ask('run', { ...run, argv: ['/nosuch'] }), {
    ok: false,
    error: { code: 'not found', detail: 'exec: "/nosuch": executable file not found in $PATH' }
  })
  const mounts = [{ path: '/x', volume: 'none' }]
  t.match(await shell.port.ask('run', { ...run, argv: ['true'], mounts }), {
    ok: false,
    error: { code: 'not found', detail: 'no volume none' }
  })
  t.same(await shell.port.must('knows', { name: '/bin/sleep' }), true)
  t.same(await shell.port.must('knows', { name: 'java' }), false)
  const exited = await shell.whole(['true'])
  t.match(exited.exit, { code: 0 })
})
