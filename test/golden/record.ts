// Records the golden frames: real clients and brokers talk to Apache's real servers through taps.
//
//     unshare --net sh -c 'ip link set lo up && bun test/golden/record.ts'
//
// The network namespace has no interface but loopback, so that no address of the machine gets into
// message ids or client ids. The programs must be installed already (make interop does that). A
// broker listens on 127.0.0.1 and advertises 127.0.0.2, where its tap listens on the same port.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { sleep, systemClock } from '../../src/core/clock.ts'
import { type GoldenLine, sortFrames } from './scenarios.ts'
import { Session, type SessionOptions, talkAsAdmin, talkAsJava, talkAsOthers } from './sessions.ts'

const GOLDEN_BYTES_MAX = 300 * 1024

interface Recording extends SessionOptions {
  talk: (session: Session) => Promise<void>
}

const RECORDINGS: readonly Recording[] = [
  {
    name: 'JSON headers',
    version: '5.3.3',
    isBinary: false,
    isBrokerTapped: true,
    async talk(session) {
      await talkAsJava(session, '5.4.0')
      await talkAsJava(session, '4.9.8')
      await talkAsOthers(session)
      await talkAsAdmin(session)
    },
  },
  {
    name: 'binary headers',
    version: '5.3.3',
    isBinary: true,
    isBrokerTapped: true,
    async talk(session) {
      await talkAsJava(session, '5.4.0')
      await talkAsJava(session, '4.9.8')
    },
  },
  {
    name: 'compressed registration',
    version: '5.3.3',
    isBinary: false,
    isBrokerTapped: true,
    brokerProperties: { compressedRegister: true, forceRegister: false },
    talk: registerAgain,
  },
  {
    name: 'acting master, older nameservers',
    version: '5.3.3',
    isBinary: false,
    isBrokerTapped: true,
    brokerProperties: { enableSlaveActingMaster: true },
    talk: registerAgain,
  },
  {
    name: 'acting master',
    version: '5.3.3',
    isBinary: false,
    isBrokerTapped: true,
    brokerProperties: { enableSlaveActingMaster: true, compatibleWithOldNameSrv: false },
    talk: registerAgain,
  },
  {
    name: 'compressed registration',
    version: '4.9.7',
    isBinary: false,
    isBrokerTapped: false,
    brokerProperties: { compressedRegister: true, forceRegister: false },
    talk: registerAgain,
  },
  {
    name: 'plain registration',
    version: '4.9.7',
    isBinary: false,
    isBrokerTapped: false,
    talk: registerAgain,
  },
]

/** A topic change registers at once, and a broker that asks first does so within its period. */
async function registerAgain(session: Session): Promise<void> {
  await session.admin('updateTopic', '-c', 'DefaultCluster', '-t', 'more', '-r', '2', '-w', '2')
  await sleep(systemClock, 12_000)
  await session.admin('clusterList')
}

const machineIsVisible = Object.values(networkInterfaces())
  .flat()
  .some((address) => address !== undefined && !address.internal)
if (machineIsVisible) {
  process.stderr.write('run in a network namespace with nothing but loopback, see record.ts\n')
  process.exit(2)
}

const files = new Map<string, GoldenLine[]>()
for (const recording of RECORDINGS) {
  const label = `${recording.version}, ${recording.name}`
  process.stderr.write(`recording ${label} …\n`)
  const dir = mkdtempSync(join(tmpdir(), 'mq-golden-'))
  try {
    sortFrames(await Session.record(recording, dir, recording.talk), recording.name, files)
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

let bytes = 0
for (const [scenario, lines] of files) {
  const content = lines.map((line) => `${JSON.stringify(line)}\n`).join('')
  const text = lines.map((line) => Buffer.from(line.hex, 'hex').toString('latin1')).join('\n')
  for (const path of [tmpdir(), '/root', '/home', join(import.meta.dir, '../..')]) {
    if (text.includes(path)) throw new Error(`${scenario} contains the path ${path}`)
  }
  // A host called "vm" is part of many a word; the name must stand alone to give a machine away.
  if (new RegExp(`(^|[^\\w-])${hostname()}([^\\w-]|$)`).test(text)) {
    throw new Error(`${scenario} contains the name of this machine`)
  }
  bytes += content.length
  writeFileSync(join(import.meta.dir, `${scenario}.jsonl`), content)
  process.stdout.write(`${scenario}: ${lines.length} frames, ${content.length} bytes\n`)
}
process.stdout.write(`${files.size} files, ${bytes} bytes\n`)
if (bytes > GOLDEN_BYTES_MAX) throw new Error(`more than ${GOLDEN_BYTES_MAX} bytes`)
