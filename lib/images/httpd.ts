import { formatTime } from '../object/index.js'
import type { Image, Process, Running } from './program.js'
import { accessLine, errorPage, pathOf, welcome } from './welcome.js'

const port = 80

/** The Apache web server: a welcome page, 404, its access log, and an end on SIGTERM or SIGWINCH. */
export const httpd: Image = {
  repositories: ['docker.io/library/httpd', 'registry.k8s.io/e2e-test-images/httpd'],
  entrypoint: [],
  cmd: ['httpd-foreground'],
  stopSignal: 'SIGWINCH',
  program: { begin }
}

function begin(process: Process): Running {
  if (process.argv[0] !== 'httpd-foreground' && process.argv[0] !== 'httpd') {
    process.shell(process.argv)
    return {}
  }
  process.err(`AH00558: httpd: Could not reliably determine the server's fully qualified domain name, using ${process.pod.ip}.`)
  process.listenHttp(port)
  return {
    http(request) {
      const found = pathOf(request) === '/' || pathOf(request) === '/index.html'
      const answer = found ? welcome(process, 'httpd') : errorPage(404, 'Not Found', 'Apache')
      process.out(accessLine(request, answer, formatTime(process.nowMs)))
      return answer
    },
    signal(signal) {
      if (signal === 'SIGTERM' || signal === 'SIGWINCH' || signal === 'SIGINT') process.exit(0)
    }
  }
}
