// The settings of a running node, and how it takes over others without a restart. The file is read
// again by the node itself, whole or not at all: a wrong one changes nothing. Keys that a node can only
// start with are named and wait for the restart; all others hold at once.

import { existsSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Clock, systemClock, type Timer } from '../core/clock.ts'
import { describeError, MqError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { KeyChange, ReloadReport } from '../remoting/reload-config.ts'
import { readConfigFile } from './config-file.ts'
import { CONFIG_FILE, logLevel, type Resolved, resolveSettings, Settings } from './context.ts'
import type { Flags } from './flags.ts'
import type { Role } from './setting-list.ts'
import { settingText } from './settings.ts'

/** Looking at one file's date once a second costs nothing, and works on every file system. */
const WATCH_INTERVAL_MS = 1_000

export interface NodeSettingsOptions {
  role: Role
  /** "broker broker-a": what the node calls itself. */
  node: string
  flags: Flags
  settings: Settings
  logger: Logger
  /** Puts the settings in force; rejects, and then nothing has changed. */
  apply: (settings: Settings, keys: ReadonlySet<string>) => Promise<void> | void
  clock?: Clock
}

export class NodeSettings {
  readonly #options: NodeSettingsOptions
  readonly #path: string
  readonly #clock: Clock
  #inForce: Settings
  #running: Promise<unknown> = Promise.resolve()
  #watch: Timer | null = null

  constructor(options: NodeSettingsOptions) {
    this.#options = options
    this.#clock = options.clock ?? systemClock
    this.#inForce = options.settings
    // The working directory is that of the start, whatever happens to it later.
    this.#path = resolve(options.flags.text('config') ?? CONFIG_FILE)
    this.#watchIfWanted()
  }

  /** One at a time. Never rejects: what was wrong is in the report, and in the log. */
  reload(): Promise<ReloadReport> {
    const report = this.#running.then(() => this.#reload())
    this.#running = report
    return report
  }

  stop(): void {
    this.#watch?.cancel()
  }

  async #reload(): Promise<ReloadReport> {
    const { node, logger } = this.#options
    const report: ReloadReport = {
      node,
      processId: process.pid,
      path: this.#path,
      applied: [],
      needsRestart: [],
      overridden: [],
      refusal: null,
    }
    try {
      await this.#takeOver(report)
    } catch (error) {
      const hint = error instanceof MqError ? error.hint : null
      report.applied = []
      report.needsRestart = []
      report.refusal = { message: describeError(error), hint: hint ?? 'mq config check' }
      logger.warn(`configuration not reloaded, everything stays: ${report.refusal.message}`)
      return report
    }
    const words = [
      ...report.applied.map(changeText),
      ...report.needsRestart.map((change) => `${changeText(change)} (needs a restart)`),
      ...report.overridden.map(({ key, by }) => `${key} stays as ${by} says`),
    ]
    logger.info(`reloaded ${this.#path}: ${words.length === 0 ? 'no change' : words.join(', ')}`)
    return report
  }

  async #takeOver(report: ReloadReport): Promise<void> {
    const { role, flags, apply } = this.#options
    if (!existsSync(this.#path)) {
      throw new MqError('CONFIG_INVALID', `there is no configuration file ${this.#path}`, {
        hint: 'write it, or start the node with --config FILE',
      })
    }
    const file = readConfigFile(this.#path)
    const wanted = resolveSettings(role, flags, file)
    const next: Resolved[] = []
    for (const before of this.#inForce.all()) {
      const { setting } = before
      const after = wanted.get(setting.key) ?? before
      const change: KeyChange = {
        key: setting.key,
        before: settingText(setting, before.value),
        after: settingText(setting, after.value),
      }
      const written = file.get(role, setting.key)
      if (written !== undefined && written.origin !== after.origin) {
        report.overridden.push({ key: setting.key, by: after.origin })
      }
      if (change.before === change.after) next.push(before)
      else if (setting.isLive) {
        report.applied.push(change)
        next.push(after)
      } else {
        report.needsRestart.push(change)
        next.push(before)
      }
    }
    if (report.applied.length === 0) return
    const settings = new Settings(next)
    await apply(settings, new Set(report.applied.map(({ key }) => key)))
    this.#inForce = settings
    this.#options.logger.setLevel(logLevel(settings))
    this.#watchIfWanted()
  }

  #watchIfWanted(): void {
    const isWanted = this.#inForce.isOn('watch-config')
    if (isWanted === (this.#watch !== null)) return
    this.#watch?.cancel()
    this.#watch = isWanted ? this.#watchFile() : null
  }

  /**
   * By polling: editors replace files and orchestrators swap links, which a watch on the file itself
   * loses. A file that is different and has not changed for one interval is read.
   */
  #watchFile(): Timer {
    let read = signatureOf(this.#path)
    let seen = read
    return this.#clock.every(WATCH_INTERVAL_MS, () => {
      const now = signatureOf(this.#path)
      const isQuiet = now === seen
      seen = now
      if (now === read || !isQuiet) return
      read = now
      void this.reload()
    })
  }
}

function changeText({ key, before, after }: KeyChange): string {
  return `${key} ${before} → ${after}`
}

/** Another one if the file was written, replaced, removed or made. */
function signatureOf(path: string): string {
  try {
    const { ino, size, mtimeMs, ctimeMs } = statSync(path)
    return [ino, size, mtimeMs, ctimeMs].join(' ')
  } catch {
    return 'none'
  }
}
