// What each exit code means, for `mq explain NUMBER`.

import type { Explanation } from '../core/error-explanations.ts'
import { EXIT } from '../core/errors.ts'
import { EXIT_DISK_FAILED } from './node-failure.ts'

const SIGINT = 130
const SIGTERM = 143

export const EXIT_EXPLANATIONS: ReadonlyMap<number, Explanation> = new Map([
  [EXIT.ok, { means: 'Done.', causes: [], fix: 'Nothing to do.' }],
  [
    EXIT.failed,
    {
      means: 'Failed, or a diagnosis found a problem.',
      causes: ['an error that has no exit code of its own', 'mq doctor with a problem'],
      fix: 'The line "error:" on standard error says which; mq explain its code.',
    },
  ],
  [
    EXIT.usage,
    {
      means: 'Wrong words: command, option, value or configuration. Nothing was done.',
      causes: ['a misspelt option', 'a configuration file with an unknown key'],
      fix: 'mq COMMAND --help, mq config check.',
    },
  ],
  [
    EXIT.notFound,
    {
      means: 'A topic, group, broker or message was not found.',
      causes: ['a misspelt name', 'another cluster'],
      fix: 'mq topic list, mq group list, mq cluster.',
    },
  ],
  [
    EXIT.refused,
    {
      means: 'Refused: permission, size, full disk, a port or folder in use.',
      causes: ['a rule or limit of the broker', 'another process'],
      fix: 'The line "error:" on standard error says which.',
    },
  ],
  [
    EXIT.unreachable,
    {
      means: 'Nobody could be reached.',
      causes: ['nothing runs there', 'a wrong address', 'a firewall'],
      fix: 'mq doctor walks the whole way.',
    },
  ],
  [
    EXIT.timedOut,
    {
      means: 'Out of time; whether it was done is not known.',
      causes: ['a slow or frozen peer', 'a time limit that is too short'],
      fix: 'Allow more with --timeout.',
    },
  ],
  [
    EXIT.partial,
    {
      means: 'Partial: some of it was done or could be asked, the rest is named on standard error.',
      causes: [
        'one of several servers did not answer',
        'nameservers that disagree (mq route --diff)',
      ],
      fix: 'Run the same command again; what is done already stays done.',
    },
  ],
  [
    EXIT_DISK_FAILED,
    {
      means:
        "A broker's disk failed: a write or sync did not succeed, so it acknowledges nothing more.",
      causes: ['a failing disk', 'a file system that went away'],
      fix: 'Start it again: recovery decides what is whole.',
    },
  ],
  [
    SIGINT,
    {
      means: 'SIGINT (Ctrl-C) ended the work before it was done.',
      causes: [],
      fix: 'Run it again.',
    },
  ],
  [
    SIGTERM,
    { means: 'SIGTERM ended the work before it was done.', causes: [], fix: 'Run it again.' },
  ],
])
