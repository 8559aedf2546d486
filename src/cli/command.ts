// What a command is: what it says of itself in --help, and what it does.

import type { CommandEntry } from './commands.ts'
import type { Flags, OptionSpec } from './flags.ts'
import type { Interruption } from './interruption.ts'
import type { Output } from './output.ts'
import type { Progress } from './progress.ts'

export interface Example {
  command: string
  /** What it does, in a few words. */
  does: string
}

export interface Command {
  /** Positional arguments as cac writes them: "<topic> [file]". */
  usage: string
  summary: string
  examples: readonly Example[]
  options: readonly OptionSpec[]
  /** How long it may take at most. Every command states it. */
  timeLimit: string
  notes?: readonly string[]
  /** Resolves with the exit code; throws MqError. */
  run(invocation: Invocation): Promise<number>
}

/** `topic list`, `topic show`, …: one word more to choose. */
export interface CommandGroup {
  /** Instead of the first example of every action. */
  examples?: readonly Example[]
  actions: Readonly<Record<string, Command>>
}

/** What a running command is given. */
export interface Invocation {
  flags: Flags
  args: readonly string[]
  output: Output
  progress: Progress
  interruption: Interruption
  /** Every command there is, for those that speak of the others. */
  commands: readonly CommandEntry[]
  /** Warnings and notes for a person, on stderr. */
  note(line: string): void
}

export function isGroup(entry: Command | CommandGroup): entry is CommandGroup {
  return 'actions' in entry
}

/** A positional argument that the parser has checked to be there. */
export function argument(invocation: Invocation, index: number): string {
  return invocation.args[index] ?? ''
}
