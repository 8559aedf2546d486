// Drives an unmodified ali-ons from a shell: `produce` or `consume` with the options and the line
// formats of ../java (see Lines.java). Run by Node, with NODE_PATH naming the folder that the
// package was installed into.
'use strict'

const { readFileSync } = require('node:fs')
const httpclient = require('urllib')
const { Consumer, Message, Producer } = require('ali-ons')

const [command, ...rest] = process.argv.slice(2)
const options = {}
for (let i = 0; i + 1 < rest.length; i += 2) options[rest[i].slice(2)] = rest[i + 1]

// The package takes an array, not a list in one string.
const common = {
  httpclient,
  nameSrv: options.nameservers.split(/[,;]/),
  clientIP: '127.0.0.1',
}

function print(...fields) {
  process.stdout.write(`${fields.map((field) => field ?? '').join('\t')}\n`)
}

function report(error) {
  process.stderr.write(`${error.stack}\n`)
}

async function produce() {
  const producer = new Producer({ ...common, producerGroup: options.group })
  producer.on('error', report)
  await producer.ready()
  for (const line of readFileSync(options.input, 'utf8').split('\n')) {
    if (line === '') continue
    const [keys, tags, , body] = line.split('\t')
    const message = new Message(options.topic, tags, Buffer.from(body, 'base64'))
    if (keys !== '') message.keys = [keys]
    const result = await producer.send(message)
    const queue = result.messageQueue
    print('sent', keys, tags, queue.queueId, result.queueOffset, result.msgId, result.sendStatus)
    if (result.sendStatus !== 'SEND_OK') process.exitCode = 1
  }
  await producer.close()
}

async function consume() {
  const consumer = new Consumer({
    ...common,
    consumerGroup: options.group,
    consumeFromWhere: 'CONSUME_FROM_FIRST_OFFSET',
  })
  consumer.on('error', report)
  const seen = new Set()
  consumer.subscribe(options.topic, '*', async (message, queue) => {
    seen.add(`${queue.brokerName}/${queue.queueId}/${message.queueOffset}`)
    const body = Buffer.from(message.body ?? '').toString('base64')
    const { keys, tags, queueOffset, reconsumeTimes } = message
    print('received', keys, tags, queue.queueId, queueOffset, reconsumeTimes, body)
  })
  await consumer.ready()
  print('ready')
  const deadline = Date.now() + Number(options['timeout-ms'] ?? 60_000)
  const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  while (seen.size < Number(options.count ?? 1) && Date.now() < deadline) await sleep(50)
  await sleep(Number(options['linger-ms'] ?? 300))
  await consumer.close()
  print('done', seen.size)
  if (seen.size < Number(options.count ?? 1)) process.exitCode = 1
}

const commands = { produce, consume }
const action = commands[command]
if (action === undefined) {
  process.stderr.write('usage: client.cjs produce|consume --nameservers A --topic T --group G …\n')
  process.exit(2)
}
// Timers of the package outlive close(): end as soon as the work and the output are done.
action().then(
  () => process.stdout.write('', () => process.exit()),
  (error) => {
    report(error)
    process.exit(1)
  },
)
