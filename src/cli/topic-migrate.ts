// `mq topic migrate`: a topic's messages into a new topic, and the old one closed.

import { type MigrationProgress, migrateTopic } from '../client/topic-migration.ts'
import { EXIT } from '../core/errors.ts'
import { QUEUE_COUNT_MAX } from '../core/limits.ts'
import { checkTopicName } from '../core/names.ts'
import { CLIENT_OPTIONS, JSON_OPTION, withSession } from './client-session.ts'
import { argument, type Command } from './command.ts'
import { Interrupted } from './interruption.ts'
import { formatCount } from './units.ts'

export const migrate: Command = {
  usage: '<topic> <new-topic>',
  summary: 'Copies a topic into a new one and closes the old one to writers.',
  examples: [
    { command: 'mq topic migrate orders orders-2 --queues 12', does: 'with other queues' },
    { command: 'mq topic migrate orders orders-2', does: 'with as many queues' },
  ],
  options: [
    { flag: '--queues <n>', help: 'queues of the new topic (default: as the old one)' },
    ...CLIENT_OPTIONS,
    JSON_OPTION,
  ],
  timeLimit: 'none: as long as copying takes; interrupted, the same command goes on.',
  notes: [
    'What clients must do: nothing while it copies. When the old topic is closed its producers are',
    'refused (no permission); start them with the new name once the command has ended, and consumers',
    'with the new name from its start. Messages of a key keep their order. Ids, times and offsets are',
    'new; after an interruption the last messages may be copied twice.',
  ],
  async run(invocation) {
    const { flags, output, progress, interruption } = invocation
    const source = argument(invocation, 0)
    const target = argument(invocation, 1)
    checkTopicName(source)
    checkTopicName(target)
    const queueCount = flags.integer('queues', { min: 1, max: QUEUE_COUNT_MAX })
    const outcome = await withSession(invocation, ({ client }) => {
      let last: MigrationProgress = { step: 'create', copiedCount: 0 }
      progress.start(
        () => `${STEP_TEXT[last.step]}: ${formatCount(last.copiedCount)} messages copied`,
      )
      const work = migrateTopic(client, {
        source,
        target,
        ...(queueCount === undefined ? {} : { queueCount }),
        onProgress: (news) => {
          last = news
        },
      })
      return new Promise<Awaited<typeof work>>((resolve, reject) => {
        const forget = interruption.onReceived(() =>
          reject(new Interrupted(interruption.exitCode ?? EXIT.failed)),
        )
        work.then(resolve, reject).finally(forget)
      }).finally(() => progress.stop())
    })
    if (output.isJson) output.object(outcome)
    else {
      output.line(
        `${formatCount(outcome.copiedCount)} messages of ${source} are in ${target} (${outcome.queueCount} queues); ${source} takes no more`,
      )
      if (queueCount !== undefined && queueCount !== outcome.queueCount) {
        invocation.note(
          `warning: ${target} was made with ${outcome.queueCount} queues before, --queues ${queueCount} changed nothing`,
        )
      }
      invocation.note(
        `now start producers and consumers with ${target}; then: mq topic delete ${source}`,
      )
    }
    return EXIT.ok
  },
}

const STEP_TEXT: Record<MigrationProgress['step'], string> = {
  create: 'making the new topic',
  copy: 'copying',
  close: 'closing the old topic',
  rest: 'copying the rest',
}
