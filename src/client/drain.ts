// Taking a broker out of service without a failed send, and bringing it back. A drain takes the write
// permission away, at the broker and at every nameserver, and waits until producers have gone and
// consumer groups have read what is left; stopping the broker is up to the caller. A drain that is
// given up stays in force: undraining is a decision of its own.
//
// Apache's brokers do not know how to drain. Of those only the nameservers are told, which lasts until
// the broker changes one of its topics or registers anew.

import { type Clock, sleep } from '../core/clock.ts'
import { MqError } from '../core/errors.ts'
import { MASTER_ID, REQUEST, RESPONSE } from '../remoting/codes.ts'
import type { DrainView } from '../remoting/drain-view.ts'
import { errorFromResponse } from '../remoting/wire-errors.ts'
import { askAll, asMqError, findBrokers } from './admin-peers.ts'
import type { BrokerSummary, PeerFailure } from './admin-results.ts'
import { type Client, ROUTE_PULL_INTERVAL_MS } from './client.ts'
import { type DrainLimits, type DrainStep, drainStep, isQuiet } from './drain-decision.ts'
import { ApacheObserver, fetchDrainView } from './drain-observer.ts'
import { soleWriterTopics } from './sole-writer.ts'

/** A broker answers the order once it is on its disk and the nameservers it can reach know. */
const ORDER_TIMEOUT_MS = 10_000
const POLL_INTERVAL_MS = 500
/** As many topics are named in a refusal. */
const NAMED_TOPICS_MAX = 3

export interface DrainProgress {
  step: DrainStep
  elapsedMs: number
  /** Null: the broker does not answer at the moment. */
  view: DrainView | null
  /** No producer can be left that still sends to it. */
  isQuiet: boolean
}

export interface DrainOptions {
  brokerName: string
  /** Waiting ends then, whatever is left. */
  limitMs: number
  /** How often producers ask for routes; as often as this client does if absent. */
  routeIntervalMs?: number
  /** Also if it is the only broker that takes messages of some topic. */
  isForced?: boolean
  onProgress?: (progress: DrainProgress) => void
  /** Ends the waiting early, with what is known then. */
  signal?: AbortSignal
}

export interface DrainOutcome extends DrainProgress {
  brokerName: string
  address: string
  isDrained: boolean
  /** False: it is Apache's, and only the nameservers keep producers away. */
  isOrdered: boolean
  /** Nameservers that could not be told. */
  failures: PeerFailure[]
}

/** Rejects with BROKER_NOT_FOUND, or NO_PERMISSION where sends would have nowhere to go. */
export async function drainBroker(client: Client, options: DrainOptions): Promise<DrainOutcome> {
  const { clock } = client.options
  const startedMs = clock.monoMs()
  const broker = await requireMaster(client, options.brokerName)
  const before = await viewOfItself(client, broker)
  // What is drained already has nobody to be turned away.
  if (options.isForced !== true && before?.isDraining !== true) {
    await refuseSoleWriter(client, broker)
  }
  const isOrdered = await orderDrain(client, broker.address, true)
  const failures = await tellNameservers(client, broker, REQUEST.wipeWritePermission)
  const apache = isOrdered ? null : new ApacheObserver(client, broker)
  const last = await watch(() => apache?.view() ?? fetchDrainView(client, broker.address), {
    ...options,
    startedMs,
    clock,
    routeIntervalMs: routeIntervalOf(client, options),
  })
  const { brokerName, address } = broker
  const isDrained = last.step === 'drained'
  return { ...last, brokerName, address, isDrained, isOrdered, failures }
}

export interface UndrainOutcome {
  brokerName: string
  address: string
  /** False: it is Apache's, and only the nameservers were told. */
  isOrdered: boolean
  failures: PeerFailure[]
}

/**
 * Our broker's own registration says everything, under a new version: nameservers are not told to
 * "add write permission" besides, because they would open topics that are meant to be read only.
 */
export async function undrainBroker(
  client: Client,
  options: { brokerName: string },
): Promise<UndrainOutcome> {
  const broker = await requireMaster(client, options.brokerName)
  await viewOfItself(client, broker)
  const isOrdered = await orderDrain(client, broker.address, false)
  const failures = isOrdered
    ? []
    : await tellNameservers(client, broker, REQUEST.addWritePermission)
  return { brokerName: broker.brokerName, address: broker.address, isOrdered, failures }
}

async function watch(
  observe: () => Promise<DrainView>,
  options: DrainLimits &
    Pick<DrainOptions, 'onProgress' | 'signal'> & { clock: Clock; startedMs: number },
): Promise<DrainProgress> {
  const { clock, startedMs, onProgress, signal } = options
  for (;;) {
    // A broker that is slow or restarts is asked again; the limit ends it.
    const view = await observe().catch(() => null)
    const elapsedMs = clock.monoMs() - startedMs
    const step = drainStep(view, { ...options, elapsedMs })
    const hasQuiet = isQuiet(view, options.routeIntervalMs)
    const progress = { step, elapsedMs, view, isQuiet: hasQuiet }
    onProgress?.(progress)
    const isEnded = step === 'drained' || step === 'over' || signal?.aborted === true
    if (isEnded) return progress
    await sleep(clock, Math.min(POLL_INTERVAL_MS, Math.max(1, options.limitMs - elapsedMs)))
  }
}

async function requireMaster(client: Client, brokerName: string): Promise<BrokerSummary> {
  const { value } = await findBrokers(client)
  const broker = value.find((each) => each.brokerName === brokerName && each.brokerId === MASTER_ID)
  if (broker !== undefined) return broker
  const known = value.map((each) => each.brokerName).join(', ') || 'no broker'
  const asked = client.nameservers.join(', ')
  throw new MqError(
    'BROKER_NOT_FOUND',
    `no broker "${brokerName}" at ${asked}: known there: ${known}`,
    {
      hint: 'mq cluster',
    },
  )
}

/**
 * Null if it does not tell: it is Apache's, or does not answer now. Throws BROKER_NOT_FOUND if another
 * broker is where this one is registered; that may be so for minutes after a port went to somebody else.
 */
async function viewOfItself(
  client: Client,
  { brokerName, address }: BrokerSummary,
): Promise<DrainView | null> {
  const view = await fetchDrainView(client, address).catch(() => null)
  if (view === null || view.brokerName === brokerName) return view
  const found = `the broker at ${address} is ${view.brokerName}, not ${brokerName}`
  throw new MqError('BROKER_NOT_FOUND', found, { hint: 'mq doctor' })
}

async function refuseSoleWriter(client: Client, broker: BrokerSummary): Promise<void> {
  const { brokerName } = broker
  const topics = await soleWriterTopics(client, broker)
  if (topics.length === 0) return
  const named = topics.slice(0, NAMED_TOPICS_MAX).join(', ')
  const more =
    topics.length > NAMED_TOPICS_MAX ? ` and ${topics.length - NAMED_TOPICS_MAX} more` : ''
  throw new MqError(
    'NO_PERMISSION',
    `${brokerName} is the only broker that takes messages of ${named}${more}: sends would have nowhere to go`,
    { hint: `give another broker queues of it first, or: mq drain ${brokerName} --force` },
  )
}

/** False if the broker does not know the order: it is Apache's. */
async function orderDrain(client: Client, address: string, isOn: boolean): Promise<boolean> {
  const answer = await client.caller.channels.invoke(address, REQUEST.drainBroker, {
    fields: { on: isOn },
    timeoutMs: ORDER_TIMEOUT_MS,
  })
  if (answer.code === RESPONSE.notSupported) return false
  if (answer.code !== RESPONSE.success) throw errorFromResponse(answer, address)
  return true
}

/** Those that the broker cannot reach itself, too: clients may believe one of them. */
async function tellNameservers(
  client: Client,
  { brokerName }: BrokerSummary,
  code: number,
): Promise<PeerFailure[]> {
  const { channels, timeoutMs } = client.caller
  const { failures } = await askAll(client.nameservers, 'a change of permissions', (nameserver) =>
    channels.call(nameserver, code, { fields: { brokerName }, timeoutMs }),
  )
  return failures.map(({ peer, purpose, error }) => ({ peer, purpose, error: asMqError(error) }))
}

function routeIntervalOf(client: Client, options: DrainOptions): number {
  return options.routeIntervalMs ?? client.options.routePullIntervalMs ?? ROUTE_PULL_INTERVAL_MS
}
