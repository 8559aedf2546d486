// Judges of a cluster: seeds, nameservers, what is registered with them, and whether the addresses that
// clients are told lead anywhere. Pure: facts in, findings out.

import type { BrokerFacts, NameserverFacts } from '../client/diagnosis.ts'
import { ipv4Number, parseAddress } from '../remoting/address.ts'
import {
  type CheckResult,
  checkResult,
  counted,
  type Finding,
  listed,
  problem,
  warning,
} from './doctor-findings.ts'
import { formatDuration } from './units.ts'

export interface SeedFacts {
  seed: string
  /** Null if it leads nowhere, and then `error` says why. */
  addresses: readonly string[] | null
  error: string | null
}

export function judgeSeeds(seeds: readonly SeedFacts[]): CheckResult {
  const findings = seeds
    .filter(({ addresses }) => addresses === null)
    .map(({ seed, error }) =>
      problem(
        `the seed ${seed} leads nowhere: ${error ?? 'it has no address'}`,
        'correct the name in --nameservers, MQ_NAMESERVER or mq.toml (mq config show says which counts)',
      ),
    )
  const count = new Set(seeds.flatMap(({ addresses }) => addresses ?? [])).size
  const summary = `${counted(seeds.length, 'seed')}, ${counted(count, 'address', 'addresses')}`
  return checkResult('seeds', summary, findings)
}

export function judgeNameservers(nameservers: readonly NameserverFacts[]): CheckResult {
  const silent = nameservers.filter(({ error }) => error !== null)
  const findings = silent.map(({ address, error }) =>
    problem(
      `nameserver ${address} does not answer: ${error?.message ?? ''}`,
      silent.length === nameservers.length
        ? `start one: mq nameserver --listen ${address}, or a whole cluster: mq up`
        : `start it: mq nameserver --listen ${address}, or take it out of the list`,
    ),
  )
  if (nameservers.length === 1 && silent.length === 0) {
    findings.push(
      warning(
        `only one nameserver is named, ${nameservers[0]?.address}: while it is away nobody here learns of changes`,
        'name all there are with --nameservers, MQ_NAMESERVER or in mq.toml; if there is no other, run a second one',
      ),
    )
  }
  const answering = nameservers.length - silent.length
  return checkResult('nameservers', `${answering} of ${nameservers.length} answer`, findings)
}

/** A broker that is registered here and not there, or will soon be forgotten. */
export function judgeRegistrations(nameservers: readonly NameserverFacts[]): CheckResult {
  const answering = nameservers.filter(({ error }) => error === null)
  const names = [
    ...new Set(answering.flatMap(({ brokers }) => brokers.map(({ brokerName }) => brokerName))),
  ].sort()
  const findings: Finding[] = []
  if (answering.length > 0 && names.length === 0) {
    findings.push(
      problem(
        'no broker is registered',
        `start one: mq broker --nameservers ${nameservers.map(({ address }) => address).join(',')}`,
      ),
    )
  }
  for (const name of names) findings.push(...judgeBroker(name, answering))
  return checkResult('registrations', counted(names.length, 'broker'), findings)
}

function judgeBroker(name: string, nameservers: readonly NameserverFacts[]): Finding[] {
  const findings: Finding[] = []
  const registered = nameservers.flatMap(({ address, registrations }) =>
    (registrations?.brokers ?? [])
      .filter(({ brokerName }) => brokerName === name)
      .map((broker) => ({ nameserver: address, ...broker })),
  )
  const knowing = nameservers.filter(({ brokers }) =>
    brokers.some(({ brokerName }) => brokerName === name),
  )
  const missing = nameservers.filter((nameserver) => !knowing.includes(nameserver))
  if (missing.length > 0) {
    const ages = knowing.map(({ address }) => {
      const age = registered.find(({ nameserver }) => nameserver === address)?.lastHeartbeatAgeMs
      return age === undefined ? address : `${address} heard of it ${formatDuration(age)} ago`
    })
    findings.push(
      problem(
        `${name} is not registered with ${missing.map(({ address }) => address).join(', ')} (${ages.join(', ')})`,
        `see whether ${name} has that nameserver in its --nameservers, and reaches it`,
      ),
    )
  }
  const addresses = new Map<number, Set<string>>()
  for (const { brokers } of nameservers) {
    for (const broker of brokers.filter(({ brokerName }) => brokerName === name)) {
      for (const [id, address] of broker.addresses) {
        addresses.set(id, (addresses.get(id) ?? new Set()).add(address))
      }
    }
  }
  for (const found of addresses.values()) {
    if (found.size < 2) continue
    findings.push(
      problem(
        `two brokers call themselves ${name}: ${[...found].sort().join(' and ')}`,
        'give each a name of its own with --name',
      ),
    )
  }
  for (const { nameserver, lastHeartbeatAgeMs, expiryMs, isDraining } of registered) {
    // Brokers beat four times before they are forgotten: two beats are missing.
    if (lastHeartbeatAgeMs <= expiryMs / 2) {
      if (isDraining && nameserver === registered[0]?.nameserver) {
        findings.push(warning(`${name} is draining: it takes no messages`, `mq undrain ${name}`))
      }
      continue
    }
    const leftMs = Math.max(0, expiryMs - lastHeartbeatAgeMs)
    findings.push(
      problem(
        `${nameserver} last heard of ${name} ${formatDuration(lastHeartbeatAgeMs)} ago and forgets it in ${formatDuration(leftMs)}`,
        `see whether ${name} still runs, and reaches ${nameserver}`,
      ),
    )
  }
  return findings
}

/** Whether clients can reach what they are told to connect to. */
export function judgeAddresses(
  brokers: readonly BrokerFacts[],
  nameservers: readonly NameserverFacts[],
): CheckResult {
  const findings: Finding[] = []
  const isRemote = nameservers.some(({ address }) => !isLoopback(hostOf(address)))
  for (const broker of brokers) {
    const { brokerName, address, probe } = broker
    const advertise = `start ${brokerName} with --advertise HOST:PORT that clients can reach`
    if (!probe.isReachable) {
      const why = probe.error?.message ?? 'no answer'
      const fix = isContainerInternal(hostOf(address))
        ? `${address} looks like an address inside a container network: ${advertise}`
        : `see whether ${brokerName} runs and no firewall is between; else ${advertise}`
      findings.push(
        problem(`${brokerName} advertises ${address}, which cannot be reached: ${why}`, fix),
      )
    } else if (isRemote && isLoopback(hostOf(address))) {
      findings.push(
        problem(
          `${brokerName} advertises ${address}: on every other machine that is the machine itself`,
          advertise,
        ),
      )
    }
  }
  const reachable = brokers.filter(({ probe }) => probe.isReachable).length
  return checkResult('addresses', `${reachable} of ${brokers.length} brokers answer`, findings)
}

export function judgeVersions(
  brokers: readonly BrokerFacts[],
  nameservers: readonly NameserverFacts[],
): CheckResult {
  const versions = new Map<string, string[]>()
  const note = (version: string, who: string): void => {
    versions.set(version, [...(versions.get(version) ?? []), who])
  }
  for (const { brokerName, runtime } of brokers) {
    const version = runtime?.get('mqVersion') ?? runtime?.get('brokerVersionDesc')
    if (version !== undefined) note(version, brokerName)
  }
  for (const { address, registrations } of nameservers) {
    if (registrations?.version != null) note(registrations.version, address)
  }
  const text = [...versions].map(([version, who]) => `${version} (${listed(who)})`).join(', ')
  if (versions.size < 2) return checkResult('versions', text || 'nobody tells', [])
  return checkResult('versions', text, [
    warning(`versions differ: ${text}`, 'finish the upgrade, one node after the other'),
  ])
}

function hostOf(address: string): string {
  return parseAddress(address).host
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

const CONTAINER_FIRST = 0xac11_0000
const CONTAINER_LAST = 0xac1f_ffff

/** 172.17.0.0/16 to 172.31.0.0/16, which container engines take their networks from. */
function isContainerInternal(host: string): boolean {
  const number = ipv4Number(host)
  return number !== null && number >= CONTAINER_FIRST && number <= CONTAINER_LAST
}
