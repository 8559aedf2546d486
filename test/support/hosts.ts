// Hosts of our own on one machine: network namespaces behind a router that can drop what one of them
// says to another. Needs root, iproute2 and nftables; `Hosts.missing` says what is not there. Nothing
// outside these namespaces is touched.

const FAMILY = ['inet', 'cuts'] as const

export class Hosts {
  readonly #prefix = `mqh${process.pid}`
  readonly #names: readonly string[]

  /** Why this machine cannot have hosts, or null. */
  static missing(): string | null {
    if (process.platform !== 'linux') return 'network namespaces are a thing of Linux'
    if (process.getuid?.() !== 0) return 'network namespaces need root'
    for (const tool of ['ip', 'nft']) {
      if (Bun.which(tool) === null) return `${tool} is not installed (iproute2, nftables)`
    }
    const probe = `mqprobe${process.pid}`
    const { exitCode } = Bun.spawnSync(['ip', 'netns', 'add', probe], { stderr: 'ignore' })
    if (exitCode !== 0) return 'this kernel or container allows no network namespaces'
    Bun.spawnSync(['ip', 'netns', 'delete', probe])
    return null
  }

  static create(names: readonly string[]): Hosts {
    const hosts = new Hosts(names)
    try {
      hosts.#build()
    } catch (error) {
      hosts.remove()
      throw error
    }
    return hosts
  }

  private constructor(names: readonly string[]) {
    this.#names = names
  }

  address(name: string): string {
    return `10.83.${this.#number(name)}.2`
  }

  /** Words before a command that make it run on the host. */
  on(name: string): string[] {
    return ['ip', 'netns', 'exec', this.#namespace(name)]
  }

  /** From now on what one says to the other is dropped, and nobody is told. */
  cut(from: string, to: string): void {
    this.#router('nft', 'add', 'rule', ...FAMILY, 'cut', ...this.#between(from, to), 'drop')
  }

  /** Takes back every cut. */
  heal(): void {
    this.#router('nft', 'flush', 'chain', ...FAMILY, 'cut')
  }

  /** Packets from one to the other since the hosts were made, dropped ones included. */
  packets(from: string, to: string): number {
    const listed = this.#router('nft', 'list', 'chain', ...FAMILY, 'count')
    const [source, target] = [this.address(from), this.address(to)]
    const rule = listed
      .split('\n')
      .find((line) => line.includes(`saddr ${source} ip daddr ${target} `))
    return Number(/packets (\d+)/.exec(rule ?? '')?.[1])
  }

  remove(): void {
    for (const name of [...this.#names, 'router']) {
      Bun.spawnSync(['ip', 'netns', 'delete', this.#namespace(name)], { stderr: 'ignore' })
    }
  }

  #build(): void {
    run('ip', 'netns', 'add', this.#namespace('router'))
    this.#router('sysctl', '-q', '-w', 'net.ipv4.ip_forward=1')
    this.#router('nft', 'add', 'table', ...FAMILY)
    for (const [chain, priority] of [
      ['count', -1],
      ['cut', 0],
    ] as const) {
      const hook = `{ type filter hook forward priority ${priority} ; }`
      this.#router('nft', 'add', 'chain', ...FAMILY, chain, hook)
    }
    for (const name of this.#names) this.#connect(name)
    for (const from of this.#names) {
      for (const to of this.#names) {
        if (from === to) continue
        const pair = this.#between(from, to)
        this.#router('nft', 'add', 'rule', ...FAMILY, 'count', ...pair, 'counter')
      }
    }
  }

  #connect(name: string): void {
    const number = this.#number(name)
    const [host, router] = [this.#namespace(name), this.#namespace('router')]
    const [near, far] = [`v${number}n${process.pid}`, `v${number}f${process.pid}`]
    run('ip', 'netns', 'add', host)
    run(
      'ip',
      'link',
      'add',
      near,
      'netns',
      host,
      'type',
      'veth',
      'peer',
      'name',
      far,
      'netns',
      router,
    )
    run('ip', '-n', host, 'link', 'set', 'lo', 'up')
    run('ip', '-n', host, 'addr', 'add', `${this.address(name)}/24`, 'dev', near)
    run('ip', '-n', host, 'link', 'set', near, 'up')
    run('ip', '-n', router, 'addr', 'add', `10.83.${number}.1/24`, 'dev', far)
    run('ip', '-n', router, 'link', 'set', far, 'up')
    run('ip', '-n', host, 'route', 'add', 'default', 'via', `10.83.${number}.1`)
  }

  #between(from: string, to: string): string[] {
    return ['ip', 'saddr', this.address(from), 'ip', 'daddr', this.address(to)]
  }

  #router(...command: string[]): string {
    return run('ip', 'netns', 'exec', this.#namespace('router'), ...command)
  }

  #namespace(name: string): string {
    return `${this.#prefix}-${name}`
  }

  #number(name: string): number {
    const at = this.#names.indexOf(name)
    if (at < 0) throw new Error(`there is no host ${name}`)
    return at + 1
  }
}

function run(...command: string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command)
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${stderr}`)
  return stdout.toString()
}
