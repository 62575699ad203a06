import { formatTime } from '../object/index.js'
import type { Answer, Image, Process, Running } from './program.js'
import { accessLine, errorPage, pathOf, welcome } from './welcome.js'

const port = 80

/** nginx, as far as a test of a cluster needs it: a welcome page, 404, its access log, and an end on SIGTERM or SIGQUIT. */
export const nginx: Image = {
  repositories: ['docker.io/library/nginx', 'docker.io/nginxinc/nginx-unprivileged', 'registry.k8s.io/e2e-test-images/nginx'],
  entrypoint: ['/docker-entrypoint.sh'],
  cmd: ['nginx', '-g', 'daemon off;'],
  stopSignal: 'SIGQUIT',
  program: { begin }
}

function begin(process: Process): Running {
  const { argv } = process
  const command = argv[0] === '/docker-entrypoint.sh' ? argv[1] : argv[0]
  if (command !== 'nginx' && command !== 'nginx-debug' && command !== '/usr/sbin/nginx') {
    process.shell(argv[0] === '/docker-entrypoint.sh' ? argv.slice(1) : argv)
    return {}
  }
  process.out('/docker-entrypoint.sh: Configuration complete; ready for start up')
  const at = formatTime(process.nowMs).replace(/-/g, '/').replace('T', ' ').replace('Z', '')
  process.err(`${at} [notice] 1#1: nginx/${versionOf(process.image)}`)
  process.err(`${at} [notice] 1#1: start worker processes`)
  process.listenHttp(process.image.includes('unprivileged') ? 8080 : port)
  return {
    http(request) {
      const answer = answerOf(process, request.method, pathOf(request))
      process.out(`${accessLine(request, answer, formatTime(process.nowMs))} "-"`)
      return answer
    },
    signal(signal) {
      if (signal === 'SIGTERM' || signal === 'SIGQUIT' || signal === 'SIGINT') {
        const now = formatTime(process.nowMs).replace(/-/g, '/').replace('T', ' ').replace('Z', '')
        process.err(
          `${now} [notice] 1#1: signal ${signal === 'SIGQUIT' ? '3 (SIGQUIT) received, shutting down' : '15 (SIGTERM) received, exiting'}`
        )
        process.exit(0)
      }
    }
  }
}

function answerOf(process: Process, method: string, path: string): Answer {
  const server = `nginx/${versionOf(process.image)}`
  if (method !== 'GET' && method !== 'HEAD') return errorPage(405, 'Not Allowed', server)
  const found = path === '/' || path === '/index.html'
  const answer = found ? welcome(process, 'nginx') : errorPage(404, 'Not Found', server)
  return { ...answer, headers: { server } }
}

/** What the tag says, if it says a version. */
const versionOf = (image: string): string => /:(\d+(?:\.\d+)*)/.exec(image)?.[1] ?? '1.29'
