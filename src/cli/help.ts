// The text of --help: examples first, because that is what people look for.

import type { Command, CommandGroup, Example } from './command.ts'
import type { CommandEntry } from './commands.ts'
import type { OptionSpec } from './flags.ts'
import type { Palette } from './output.ts'

const WIDTH = 98

export function commandHelp(name: string, command: Command, palette: Palette): string {
  return sections([
    command.summary,
    titled('Examples', exampleLines(command.examples, palette), palette),
    titled(
      'Usage',
      [`  mq ${name} ${command.usage} [options]`.replace(/ +/g, ' ').replace(/^ /, '  ')],
      palette,
    ),
    titled('Options', optionLines(command.options, palette), palette),
    titled('Time limit', wrapped(command.timeLimit, '  '), palette),
    ...(command.notes === undefined
      ? []
      : [
          titled(
            'Notes',
            paragraphs(command.notes).flatMap((note) => wrapped(note, '  ')),
            palette,
          ),
        ]),
  ])
}

export function groupHelp(entry: CommandEntry, group: CommandGroup, palette: Palette): string {
  const actions = Object.entries(group.actions)
  return sections([
    `${entry.summary[0]?.toUpperCase()}${entry.summary.slice(1)}.`,
    titled('Examples', exampleLines(groupExamples(group), palette), palette),
    titled(
      'Actions',
      columns(
        actions.map(([name, command]) => [
          `mq ${entry.name} ${name} ${command.usage}`.trimEnd(),
          command.summary,
        ]),
        palette.cyan,
      ),
      palette,
    ),
    `mq ${entry.name} ACTION --help says more.`,
  ])
}

export function overview(
  entries: readonly CommandEntry[],
  version: string,
  palette: Palette,
): string {
  const groups = [...new Set(entries.map((entry) => entry.group))]
  return sections([
    `${palette.bold('mq')} ${version}: a clustered message queue that speaks the RocketMQ protocol`,
    titled(
      'Sixty seconds',
      exampleLines(
        [
          { command: 'mq up', does: 'a local cluster in this terminal' },
          { command: 'echo hello | mq produce greetings', does: 'one message per line' },
          { command: 'mq consume greetings', does: 'read them back' },
          { command: 'mq route greetings', does: 'which broker holds which queues' },
        ],
        palette,
      ),
      palette,
    ),
    ...groups.map((group) =>
      titled(
        group,
        columns(
          entries.filter((entry) => entry.group === group).map((e) => [e.name, e.summary]),
          palette.cyan,
        ),
        palette,
      ),
    ),
    titled(
      'Where is the cluster?',
      [
        '  --nameservers HOST:PORT,…, else MQ_NAMESERVER or NAMESRV_ADDR, else `nameservers` in ./mq.toml,',
        '  else 127.0.0.1:9876.',
      ],
      palette,
    ),
    titled(
      'Exit codes',
      [
        '  0 ok · 1 failed · 2 usage · 3 not found · 4 refused · 5 unreachable · 6 timed out · 7 partial',
      ],
      palette,
    ),
    'mq COMMAND --help says more of each.',
  ])
}

/** What to try first with a group of commands. */
export function groupExamples({ examples, actions }: CommandGroup): readonly Example[] {
  return examples ?? Object.values(actions).flatMap((command) => command.examples.slice(0, 1))
}

/** A line of notes that ends within a sentence goes on in the next. */
function paragraphs(notes: readonly string[]): string[] {
  const whole: string[] = []
  for (const note of notes) {
    const before = whole.at(-1)
    if (before === undefined || /[.:]$/.test(before)) whole.push(note)
    else whole[whole.length - 1] = `${before} ${note}`
  }
  return whole
}

function sections(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('\n\n')
}

function titled(title: string, lines: readonly string[], palette: Palette): string {
  return lines.length === 0 ? '' : [palette.bold(title), ...lines].join('\n')
}

function exampleLines(examples: readonly Example[], palette: Palette): string[] {
  const widest = Math.max(0, ...examples.map((example) => example.command.length))
  // A long pipeline keeps its explanation on the line above, so that it can be copied whole.
  if (widest > 56) {
    return examples.flatMap((example) => [
      palette.dim(`  # ${example.does}`),
      `  ${palette.cyan(example.command)}`,
    ])
  }
  return columns(
    examples.map((example) => [example.command, example.does]),
    palette.cyan,
    palette.dim,
  )
}

function optionLines(options: readonly OptionSpec[], palette: Palette): string[] {
  const all = [...options, { flag: '-h, --help', help: 'show this' }]
  return columns(
    all.map((option) => [option.flag, option.help]),
    palette.cyan,
  )
}

function columns(
  pairs: readonly (readonly [string, string])[] | string[][],
  paint: (text: string) => string,
  paintRight: (text: string) => string = (text) => text,
): string[] {
  const width = Math.max(0, ...pairs.map(([left]) => (left ?? '').length))
  const indent = ' '.repeat(width + 4)
  return pairs.flatMap(([left = '', right = '']) => {
    const [first = '', ...more] = wrapped(right, '', WIDTH - indent.length)
    return [
      `  ${paint(left)}${' '.repeat(width - left.length)}  ${paintRight(first)}`,
      ...more.map((line) => `${indent}${paintRight(line)}`),
    ]
  })
}

function wrapped(text: string, indent: string, width = WIDTH - indent.length): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(indent + line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, indent + line]
}
