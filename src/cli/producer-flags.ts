// The flags that choose how a producer sends: policy, weights, retries, time, what is under way.

import type { PolicyChoice, ProducerOptions, QueueWeights } from '../client/producer-options.ts'
import { TIMEOUT_MS } from './client-session.ts'
import type { Flags, OptionSpec } from './flags.ts'
import { badValue, parseInteger } from './units.ts'

const POLICIES = ['rr', 'weighted', 'hash', 'consistent'] as const

export const POLICY_OPTIONS: readonly OptionSpec[] = [
  { flag: '--policy <policy>', help: 'rr, weighted, hash or consistent (default rr)' },
  {
    flag: '--weights <list>',
    help: 'for weighted: broker-a=3,broker-b=1 (or broker-a:0=3 for a queue)',
  },
  { flag: '--retries <n>', help: 'further attempts on another broker (default 2)' },
]

export function producerOptions(flags: Flags): ProducerOptions {
  return {
    group: 'mq-produce',
    policy: policyOf(flags),
    retries: flags.integer('retries', { min: 0, max: 100 }) ?? 2,
    timeoutMs: flags.durationMs('timeout') ?? TIMEOUT_MS,
    inFlightMessagesMax: flags.integer('in-flight', { min: 1, max: 65_536 }) ?? 1024,
  }
}

function policyOf(flags: Flags): PolicyChoice {
  const weights = flags.text('weights')
  const policy = flags.choice('policy', POLICIES) ?? (weights === undefined ? 'rr' : 'weighted')
  switch (policy) {
    case 'rr':
      return { kind: 'round-robin' }
    case 'weighted':
      return { kind: 'weighted', weights: parseWeights(weights ?? '') }
    case 'hash':
      return { kind: 'key-hash' }
    case 'consistent':
      return { kind: 'consistent-hash' }
  }
}

function parseWeights(text: string): QueueWeights {
  const weights: Record<string, number> = {}
  for (const part of text.split(',').filter((each) => each !== '')) {
    const [name, number] = part.split('=')
    const weight = parseInteger(number ?? '', { min: 1, max: 1_000 })
    if (name === undefined || name === '' || weight === null) {
      throw badValue('--weights', text, 'broker-a=3,broker-b=1')
    }
    weights[name] = weight
  }
  return weights
}
