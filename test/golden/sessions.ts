// What is said while recording: which real programs run against which real servers, and in what
// order. Every session ends with a clean stop, so that unregistering is recorded too.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ALI_ONS_ENV, aliOnsCommand } from '../interop/peers/ali-ons.ts'
import {
  type ApacheVersion,
  mqadmin,
  startApacheBroker,
  startApacheNameserver,
} from '../interop/peers/apache.ts'
import { goClientCommand } from '../interop/peers/go-client.ts'
import { type JavaClientVersion, javaClientCommand } from '../interop/peers/java-client.ts'
import { freeBrokerPort, freePorts } from '../interop/peers/ports.ts'
import { run, waitFor } from '../interop/peers/process.ts'
import { findAnswer, summarizeFrame } from './frame-summary.ts'
import { type TappedFrame, WireTap } from './wire-tap.ts'

const RUN_TIMEOUT_MS = 60_000
const REGISTER_TIMEOUT_MS = 10_000
const BINARY_FLAG = '-Drocketmq.serialize.type=ROCKETMQ'

export interface SessionOptions {
  name: string
  version: ApacheVersion
  /** Whether programs of Apache write the binary header. */
  isBinary: boolean
  brokerProperties?: Record<string, string | number | boolean>
  /** Whether the broker can be tapped: 4.9 listens on every address and leaves no room. */
  isBrokerTapped: boolean
}

/** The running servers of one session, and the programs that talk to them. */
export class Session {
  readonly dir: string
  readonly #options: SessionOptions
  readonly #taps: WireTap[]
  readonly #nameserver: string
  readonly #frames: readonly TappedFrame[]

  private constructor(options: {
    session: SessionOptions
    dir: string
    taps: WireTap[]
    nameserver: string
    frames: readonly TappedFrame[]
  }) {
    this.dir = options.dir
    this.#options = options.session
    this.#taps = options.taps
    this.#nameserver = options.nameserver
    this.#frames = options.frames
  }

  static async record(
    options: SessionOptions,
    dir: string,
    talk: (session: Session) => Promise<void>,
  ): Promise<TappedFrame[]> {
    const frames: TappedFrame[] = []
    const { version } = options
    const javaFlags = [
      '-Djava.net.preferIPv4Stack=true',
      ...(options.isBinary ? [BINARY_FLAG] : []),
    ]
    const nameserver = await startApacheNameserver({ version, dir, javaFlags })
    const nameserverPort = Number(nameserver.address.split(':')[1])
    const tapNameserver = (clientName: string): WireTap =>
      new WireTap({
        listen: { hostname: '127.0.0.1', port: freePorts(1)[0]! },
        target: { hostname: '127.0.0.1', port: nameserverPort },
        serverName: `apache-nameserver-${version}`,
        clientName,
        frames,
      })
    const brokerSide = tapNameserver(`apache-broker-${version}`)
    const clientSide = tapNameserver('')
    const taps = [brokerSide, clientSide]
    const port = freeBrokerPort()
    if (options.isBrokerTapped) {
      taps.push(
        new WireTap({
          listen: { hostname: '127.0.0.2', port },
          target: { hostname: '127.0.0.1', port },
          serverName: `apache-broker-${version}`,
          clientName: '',
          frames,
        }),
      )
    }
    const broker = await startApacheBroker({
      version,
      dir,
      javaFlags,
      port,
      nameservers: [`127.0.0.1:${brokerSide.port}`],
      brokerName: 'broker-a',
      advertiseHost: options.isBrokerTapped ? '127.0.0.2' : '127.0.0.1',
      ...(options.brokerProperties === undefined ? {} : { properties: options.brokerProperties }),
    })
    try {
      await talk(
        new Session({
          session: options,
          dir,
          taps: taps.slice(1),
          nameserver: `127.0.0.1:${clientSide.port}`,
          frames,
        }),
      )
    } finally {
      await broker.process.stop()
      await nameserver.process.stop()
      for (const tap of taps) tap.stop()
    }
    return frames
  }

  async admin(...args: string[]): Promise<void> {
    this.#as(`mqadmin-${this.#options.version}`)
    const { version, isBinary } = this.#options
    const javaFlags = [
      '-Djava.net.preferIPv4Stack=true',
      '-Drocketmq.client.localIP=127.0.0.1',
      ...(isBinary ? [BINARY_FLAG] : []),
    ]
    const result = await mqadmin({ version, dir: join(this.dir, 'admin'), javaFlags }, [
      ...args,
      '-n',
      this.#nameserver,
    ])
    if (result.exitCode !== 0) throw new Error(`mqadmin ${args.join(' ')}: ${result.stdout}`)
  }

  /** Creates a topic and waits until the broker has told the nameserver about it. */
  async createTopic(topic: string): Promise<void> {
    await this.admin('updateTopic', '-c', 'DefaultCluster', '-t', topic, '-r', '2', '-w', '2')
    await waitFor(`registration of ${topic}`, REGISTER_TIMEOUT_MS, () => {
      const index = this.#frames.findIndex(({ bytes }) => {
        const { code, isResponse, body } = summarizeFrame(bytes)
        return code === 103 && !isResponse && body.includes(`"topicName":"${topic}"`)
      })
      return index !== -1 && findAnswer(this.#frames, index) !== -1 ? true : null
    })
  }

  async java(version: JavaClientVersion, command: string, args: readonly string[]): Promise<void> {
    this.#as(`java-${version}`)
    const javaFlags = [
      '-Djava.net.preferIPv4Stack=true',
      ...(this.#options.isBinary ? [BINARY_FLAG] : []),
    ]
    await run(
      await javaClientCommand({
        version,
        dir: join(this.dir, 'java'),
        javaFlags,
        args: [command, '--nameservers', this.#nameserver, ...args],
      }),
      { timeoutMs: RUN_TIMEOUT_MS },
    )
  }

  async go(command: string, args: readonly string[]): Promise<void> {
    this.#as('go-2.1.2')
    const argv = await goClientCommand([command, '--nameservers', this.#nameserver, ...args])
    await run(argv, { timeoutMs: RUN_TIMEOUT_MS })
  }

  async aliOns(command: string, args: readonly string[]): Promise<void> {
    this.#as('ali-ons-3.12.0')
    const argv = await aliOnsCommand([command, '--nameservers', this.#nameserver, ...args])
    await run(argv, { timeoutMs: RUN_TIMEOUT_MS, env: ALI_ONS_ENV })
  }

  /** Writes an input file for the clients and returns its path. */
  input(
    name: string,
    messages: ReadonlyArray<{ keys: string; tags: string; body: Buffer }>,
  ): string {
    const path = join(this.dir, name)
    const lines = messages.map(
      ({ keys, tags, body }) => `${keys}\t${tags}\t${keys}\t${body.toString('base64')}\n`,
    )
    writeFileSync(path, lines.join(''))
    return path
  }

  #as(clientName: string): void {
    for (const tap of this.#taps) tap.clientName = clientName
  }
}

const SMALL = [
  { keys: 'k0', tags: 'TagA', body: Buffer.from('plain text') },
  { keys: 'k1', tags: '', body: Buffer.from('Grüße, 世界') },
  { keys: 'k2', tags: 'TagB', body: Buffer.from([0, 1, 2, 10, 13, 127, 128, 255]) },
]
/** Above 4 KiB every client compresses; this one shrinks to a few bytes. */
const LARGE = [{ keys: 'large', tags: 'TagA', body: Buffer.alloc(5_000, 'abcdefgh') }]

/** Everything a producer and a consumer say, short enough to be kept. */
export async function talkAsJava(session: Session, version: JavaClientVersion): Promise<void> {
  const topic = `java-${version[0]}`
  const group = `group-${topic}`
  const small = session.input('small', SMALL)
  const large = session.input('large', LARGE)
  await session.createTopic(topic)
  const produce = async (mode: string, input: string): Promise<void> =>
    session.java(version, 'produce', [
      ...['--topic', topic, '--group', 'producers', '--mode', mode, '--input', input],
    ])
  await produce('sync', small)
  await produce('sync', large)
  await produce('oneway', small)
  await produce('batch', small)
  const consume = async (...args: string[]): Promise<void> =>
    session.java(version, 'consume', ['--topic', topic, ...args])
  // Long enough for a long poll (15 s) to end with nothing found.
  await consume('--group', group, '--count', '10', '--linger-ms', '17000')
  await consume('--group', `${group}-ordered`, '--ordered', 'true', '--count', '10')
  await consume(
    ...['--group', `${group}-filtered`, '--subscription', 'NoSuchTag', '--count', '0'],
    ...['--linger-ms', '2000'],
  )
  await session.java(version, 'offsets', ['--topic', topic, '--group', 'askers'])
}

export async function talkAsOthers(session: Session): Promise<void> {
  const input = session.input('others', [...SMALL, ...LARGE])
  await session.createTopic('go')
  for (const mode of ['sync', 'oneway', 'batch']) {
    await session.go('produce', [
      ...['--topic', 'go', '--group', 'producers', '--mode', mode, '--input', input],
    ])
  }
  const consume = (topic: string, count: string) => [
    ...['--topic', topic, '--group', `group-${topic}`, '--count', count],
  ]
  await session.go('consume', consume('go', '12'))
  await session.createTopic('ali-ons')
  await session.aliOns('produce', [
    ...['--topic', 'ali-ons', '--group', 'producers', '--input', input],
  ])
  await session.aliOns('consume', consume('ali-ons', '4'))
}

export async function talkAsAdmin(session: Session): Promise<void> {
  await session.createTopic('admin')
  await session.admin('clusterList')
  await session.admin('topicList')
  await session.admin('topicRoute', '-t', 'admin')
  await session.admin('topicRoute', '-t', 'no-such-topic')
  await session.admin('topicStatus', '-t', 'java-5')
  await session.admin('consumerProgress', '-g', 'group-java-5')
  await session.admin('brokerStatus', '-c', 'DefaultCluster')
  await session.admin('wipeWritePerm', '-b', 'broker-a')
  await session.admin('addWritePerm', '-b', 'broker-a')
  await session.admin('updateKvConfig', '-s', 'space', '-k', 'key', '-v', 'value')
  await session.admin('deleteKvConfig', '-s', 'space', '-k', 'key')
  await session.admin('resetOffsetByTime', '-g', 'group-java-5', '-t', 'java-5', '-s', '0')
  await session.admin('deleteTopic', '-c', 'DefaultCluster', '-t', 'admin')
}
