// A server that answers every send at once and stores nothing: how far the benchmark Producer can go
// on this machine at all, since its JVM shares the cores with whatever it loads. Only the answers are
// there, no route: a broker of ours registers with this server's address and waits beside it.
//
//   bun bench/apache/answer-server.ts PORT

import { systemClock } from '../../src/core/clock.ts'
import { Logger } from '../../src/core/logger.ts'
import { bunNetwork } from '../../src/remoting/bun-network.ts'
import { REQUEST, RESPONSE } from '../../src/remoting/codes.ts'
import type { RequestHandler } from '../../src/remoting/dispatch.ts'
import { RemotingServer } from '../../src/remoting/server.ts'

const FIELDS = {
  msgId: '7F00000100002A9F0000000000000000',
  queueId: 0,
  queueOffset: 0,
  MSG_REGION: 'DefaultRegion',
  TRACE_ON: 'true',
}

const answer: RequestHandler = (request, connection) => {
  connection.respond(request, { code: RESPONSE.success, fields: FIELDS })
}

const server = new RemotingServer({
  network: bunNetwork,
  clock: systemClock,
  logger: new Logger({
    clock: systemClock,
    sink: (line) => process.stderr.write(`${line}\n`),
    level: 'warn',
    scope: 'answers',
  }),
  handlers: new Map([
    [REQUEST.sendMessage, answer],
    [REQUEST.sendMessageCompact, answer],
    [REQUEST.heartbeat, answer],
  ]),
})
await server.start({ host: '127.0.0.1', port: Number(Bun.argv[2]) })
process.stdout.write('ready\n')
