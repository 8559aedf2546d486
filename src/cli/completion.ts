// `mq completion SHELL`: a script that completes commands, actions and options. It is generated from
// the commands themselves, so that it cannot fall behind them.

import { EXIT, MqError } from '../core/errors.ts'
import { argument, type Command, isGroup } from './command.ts'
import type { CommandEntry } from './commands.ts'
import { optionName, takesValue } from './flags.ts'
import { nearest } from './suggest.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

interface Word {
  /** "topic create" or "produce". */
  path: string
  summary: string
  /** Actions of a group; empty for a command. */
  actions: readonly string[]
  options: readonly { name: string; help: string; takesValue: boolean }[]
}

export const completion: Command = {
  usage: '<shell>',
  summary: 'Prints a completion script for bash, zsh or fish.',
  examples: [
    { command: 'source <(mq completion bash)', does: 'this bash session' },
    { command: 'mq completion zsh > ~/.zfunc/_mq', does: 'zsh, from now on' },
    {
      command: 'mq completion fish > ~/.config/fish/completions/mq.fish',
      does: 'fish, from now on',
    },
  ],
  options: [],
  timeLimit: 'None needed: it asks nobody.',
  async run(invocation) {
    const wanted = argument(invocation, 0)
    const shell = SHELLS.find((name) => name === wanted)
    if (shell === undefined) {
      const meant = nearest(wanted, SHELLS) ?? 'bash'
      throw new MqError('USAGE', `shell is "${wanted}", expected one of ${SHELLS.join(', ')}`, {
        hint: `mq completion ${meant}`,
      })
    }
    const words = await allWords(invocation.commands)
    invocation.output.line({ bash, zsh, fish }[shell](words))
    return EXIT.ok
  },
}

async function allWords(commands: readonly CommandEntry[]): Promise<Word[]> {
  const words: Word[] = []
  for (const entry of commands) {
    const loaded = await entry.load()
    if (!isGroup(loaded)) {
      words.push(wordOf(entry.name, loaded))
      continue
    }
    const actions = Object.keys(loaded.actions)
    words.push({ path: entry.name, summary: entry.summary, actions, options: [] })
    for (const [action, command] of Object.entries(loaded.actions)) {
      words.push(wordOf(`${entry.name} ${action}`, command))
    }
  }
  return words
}

function wordOf(path: string, command: Command): Word {
  return {
    path,
    summary: command.summary,
    actions: [],
    options: command.options.map((option) => ({
      name: `--${optionName(option)}`,
      help: option.help,
      takesValue: takesValue(option),
    })),
  }
}

function topLevel(words: readonly Word[]): Word[] {
  return words.filter((word) => !word.path.includes(' '))
}

function bash(words: readonly Word[]): string {
  const cases = words.map((word) => {
    const choices = [...word.actions, ...word.options.map((option) => option.name), '--help']
    return `    "${word.path}") choices="${choices.join(' ')}" ;;`
  })
  const groups = words.filter((word) => word.actions.length > 0).map((word) => word.path)
  return `# bash completion for mq
_mq() {
  local current="\${COMP_WORDS[COMP_CWORD]}" command="\${COMP_WORDS[1]}" choices=""
  if [ "$COMP_CWORD" -gt 2 ]; then
    case "$command" in ${groups.join('|')}) command="$command \${COMP_WORDS[2]}" ;; esac
  fi
  if [ "$COMP_CWORD" -eq 1 ]; then
    choices="${topLevel(words)
      .map((word) => word.path)
      .join(' ')} help --version"
  else
    case "$command" in
${cases.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
}
complete -o default -F _mq mq`
}

function zsh(words: readonly Word[]): string {
  const commands = topLevel(words).map((word) => `    '${word.path}:${quoted(word.summary)}'`)
  const groups = words.filter((word) => word.actions.length > 0).map((word) => word.path)
  const cases = words.map((word) => {
    const options = word.options.map((option) => {
      const help = quoted(option.help).replace(/[[\]]/g, '')
      return `'${option.name}[${help}]${option.takesValue ? ':value:_files' : ''}'`
    })
    const actions = word.actions.length > 0 ? [`'1:action:(${word.actions.join(' ')})'`] : []
    return `    '${word.path}') _arguments ${[...actions, ...options, "'*:argument:_files'"].join(' ')} ;;`
  })
  return `#compdef mq
_mq() {
  local -a commands
  commands=(
${commands.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command="$words[2]"
  shift words; (( CURRENT-- ))
  case "$command" in
    ${groups.join('|')})
      if (( CURRENT > 2 )); then
        command="$command $words[2]"
        shift words; (( CURRENT-- ))
      fi ;;
  esac
  case "$command" in
${cases.join('\n')}
  esac
}
if [ "$funcstack[1]" = "_mq" ]; then _mq "$@"; else compdef _mq mq; fi`
}

function fish(words: readonly Word[]): string {
  const lines = topLevel(words).map(
    (word) =>
      `complete -c mq -f -n __fish_use_subcommand -a ${word.path} -d '${quoted(word.summary)}'`,
  )
  for (const word of words) {
    const [first, second] = word.path.split(' ')
    const seen = `__fish_seen_subcommand_from ${first}`
    const condition =
      second === undefined ? seen : `${seen}; and __fish_seen_subcommand_from ${second}`
    for (const action of word.actions) {
      const others = word.actions.join(' ')
      lines.push(
        `complete -c mq -f -n '${seen}; and not __fish_seen_subcommand_from ${others}' -a ${action}`,
      )
    }
    for (const option of word.options) {
      const value = option.takesValue ? ' -r' : ''
      const name = option.name.slice(2)
      lines.push(`complete -c mq -n '${condition}' -l ${name}${value} -d '${quoted(option.help)}'`)
    }
  }
  return ['# fish completion for mq', ...lines].join('\n')
}

/** For a place between single quotes in any of the three shells. */
function quoted(text: string): string {
  return text.replace(/['"`$\\:]/g, ' ')
}
