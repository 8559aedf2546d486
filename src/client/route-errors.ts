// "No route" is never the whole story: who was asked, what each said, and what to do next.

import { describeError, MqError } from '../core/errors.ts'

/** What one nameserver said when asked for a topic it turned out not to have. */
export interface NameserverAnswer {
  nameserver: string
  /** Null if it answered that it does not know the topic. */
  error: unknown
  /** Brokers it knows; null if it was not asked, or did not say. */
  brokerCount: number | null
}

/** TOPIC_NOT_FOUND if any nameserver answered, else UNREACHABLE. */
export function noRouteError(topic: string, answers: readonly NameserverAnswer[]): MqError {
  const told = answers.map(describeAnswer).join(', ')
  const heard = answers.filter((answer) => answer.error === null)
  const first = answers[0]?.nameserver ?? ''
  if (heard.length === 0) {
    const hint = `start one with: mq nameserver --listen ${first}; or name others with --nameservers`
    const timedOut = answers.every(
      (answer) => answer.error instanceof MqError && answer.error.code === 'TIMED_OUT',
    )
    return new MqError(timedOut ? 'TIMED_OUT' : 'UNREACHABLE', `no nameserver answers: ${told}`, {
      hint,
      cause: answers[0]?.error,
    })
  }
  const message = `topic "${topic}" has no route: ${told}`
  if (heard.some((answer) => answer.brokerCount === 0)) {
    const nameservers = heard.map((answer) => answer.nameserver).join(',')
    return new MqError('TOPIC_NOT_FOUND', message, {
      hint: `start a broker with: mq broker --nameservers ${nameservers}`,
    })
  }
  return new MqError('TOPIC_NOT_FOUND', message, {
    hint: `see what there is with: mq topic list; make it with: mq topic create ${topic} --queues 8`,
  })
}

function describeAnswer(answer: NameserverAnswer): string {
  if (answer.error !== null) return `${answer.nameserver} (${describeError(answer.error)})`
  if (answer.brokerCount === null) return `${answer.nameserver} does not know it`
  if (answer.brokerCount === 0) return `${answer.nameserver} knows no broker at all`
  const brokers = answer.brokerCount === 1 ? '1 broker' : `${answer.brokerCount} brokers`
  return `${answer.nameserver} knows ${brokers} but not this topic`
}
