// One command line from its words to its exit code. Commands are matched here, their options parsed,
// and whatever they throw becomes one sentence, a next step and an exit code: never a stack trace.

import { systemClock } from '../core/clock.ts'
import { describeError, EXIT, MqError } from '../core/errors.ts'
import { printable, printableText } from '../core/logger.ts'
import { VERSION } from '../core/product.ts'
import { type Command, type CommandGroup, isGroup } from './command.ts'
import { COMMANDS, type CommandEntry } from './commands.ts'
import { parseCommandLine } from './flags.ts'
import { commandHelp, groupExamples, groupHelp, overview } from './help.ts'
import { Interrupted, Interruption } from './interruption.ts'
import { EXIT_DISK_FAILED, NodeFailed } from './node-failure.ts'
import { Output, paletteFor, ReaderGone } from './output.ts'
import { Progress } from './progress.ts'
import { nearest } from './suggest.ts'

export async function runCommandLine(words: readonly string[]): Promise<number> {
  const output = new Output(process.stdout)
  // Nobody reading our diagnostics is no reason to end.
  process.stderr.on('error', () => {})
  // A broken promise in our own code ends the process, but not with a page of its insides.
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => process.exit(report(error)))
  }
  try {
    const code = await dispatch(words, output)
    await output.flushed()
    return code
  } catch (error) {
    if (error instanceof ReaderGone) return EXIT.ok
    if (error instanceof Interrupted) return error.exitCode
    // What was printed before the failure stays printed; a reader who is gone changes nothing.
    await output.flushed().catch(() => {})
    return report(error)
  }
}

async function dispatch(words: readonly string[], output: Output): Promise<number> {
  const [first, ...rest] = words
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    return help(rest, output)
  }
  if (first === '--version' || first === '-v' || first === '-V') {
    output.line(`mq ${VERSION}`)
    return EXIT.ok
  }
  const entry = findEntry(first)
  const loaded = await entry.load()
  if (!isGroup(loaded)) return run(entry.name, loaded, rest, output)
  const [action, ...more] = rest
  if (action === undefined || action === '--help' || action === '-h') {
    output.line(groupHelp(entry, loaded, output.palette))
    if (action !== undefined) return EXIT.ok
    throw missingAction(entry, loaded)
  }
  const command = Object.hasOwn(loaded.actions, action) ? loaded.actions[action] : undefined
  if (command === undefined) throw unknownWord(action, Object.keys(loaded.actions), entry.name)
  return run(`${entry.name} ${action}`, command, more, output)
}

async function run(
  name: string,
  command: Command,
  words: readonly string[],
  output: Output,
): Promise<number> {
  const { usage, options } = command
  const parsed = parseCommandLine({ name, usage, options }, words)
  if (parsed.isHelpWanted) {
    output.line(commandHelp(name, command, output.palette))
    return EXIT.ok
  }
  output.isJson = parsed.flags.isSet('json')
  const palette = paletteFor(process.stderr)
  const progress = new Progress({ sink: process.stderr, clock: systemClock, palette })
  const interruption = new Interruption()
  interruption.listen()
  try {
    return await command.run({
      flags: parsed.flags,
      args: parsed.args,
      output,
      progress,
      interruption,
      commands: COMMANDS,
      note(line) {
        progress.clear()
        process.stderr.write(`${printableText(line)}\n`)
      },
    })
  } catch (error) {
    throw withHelp(error, name)
  } finally {
    progress.stop()
  }
}

/** What was typed wrongly is explained by the command's help, if by nothing better. */
function withHelp(error: unknown, name: string): unknown {
  if (!(error instanceof MqError) || error.hint !== null || error.exitCode !== EXIT.usage) {
    return error
  }
  return new MqError(error.code, error.message, { hint: `mq ${name} --help`, cause: error.cause })
}

async function help(words: readonly string[], output: Output): Promise<number> {
  const [first, second] = words.filter((word) => !word.startsWith('-'))
  if (first === undefined) {
    output.line(overview(COMMANDS, VERSION, output.palette))
    return EXIT.ok
  }
  const entry = findEntry(first)
  const loaded = await entry.load()
  if (!isGroup(loaded)) output.line(commandHelp(entry.name, loaded, output.palette))
  else if (second === undefined) output.line(groupHelp(entry, loaded, output.palette))
  else {
    const command = Object.hasOwn(loaded.actions, second) ? loaded.actions[second] : undefined
    if (command === undefined) throw unknownWord(second, Object.keys(loaded.actions), entry.name)
    output.line(commandHelp(`${entry.name} ${second}`, command, output.palette))
  }
  return EXIT.ok
}

function findEntry(word: string): CommandEntry {
  const entry = COMMANDS.find((candidate) => candidate.name === word)
  if (entry !== undefined) return entry
  throw unknownWord(
    word,
    COMMANDS.map((candidate) => candidate.name),
    '',
  )
}

function unknownWord(word: string, known: readonly string[], before: string): MqError {
  const prefix = before === '' ? 'mq' : `mq ${before}`
  const meant = nearest(word, known)
  const kind = word.startsWith('-') ? 'option' : before === '' ? 'command' : 'action'
  const question = meant === null ? '' : `, did you mean "${prefix} ${meant}"?`
  return new MqError('USAGE', `${prefix} has no ${kind} "${word}"${question}`, {
    hint: meant === null ? `${prefix} --help` : `${prefix} ${meant} --help`,
  })
}

function missingAction(entry: CommandEntry, group: CommandGroup): MqError {
  return new MqError('USAGE', `mq ${entry.name} needs an action`, {
    hint: groupExamples(group)[0]?.command ?? `mq ${entry.name} --help`,
  })
}

function report(error: unknown): number {
  const palette = paletteFor(process.stderr)
  const known =
    error instanceof MqError ? error : error instanceof NodeFailed ? error.failure : null
  // One sentence, whatever a peer or a file name put into it.
  const message = printable(describeError(error)).replaceAll('\\x0a', ' ')
  // What `mq explain` knows more about. A wrong word explains itself.
  const isExplained = known !== null && known.code !== 'USAGE'
  const code = isExplained ? palette.dim(` (${known.code})`) : ''
  process.stderr.write(`${palette.red('error:')} ${message}${code}\n`)
  if (known !== null && known.hint !== null) {
    process.stderr.write(`${palette.cyan('try:')} ${printable(known.hint)}\n`)
  }
  if (known === null) {
    process.stderr.write('try: the same with MQ_DEBUG=1, and report what it prints\n')
  }
  if ((process.env['MQ_DEBUG'] ?? '') !== '' && error instanceof Error) {
    process.stderr.write(`${error.stack ?? ''}\n`)
    if (error.cause instanceof Error) process.stderr.write(`cause: ${error.cause.stack ?? ''}\n`)
  }
  if (error instanceof NodeFailed) return EXIT_DISK_FAILED
  return known?.exitCode ?? EXIT.failed
}
