// Ports chosen by the operating system. Between choosing and using one another process could take
// it; nothing here can prevent that, and on a test machine it does not happen.

/** `count` different free ports of 127.0.0.1. */
export function freePorts(count: number): number[] {
  const held = Array.from({ length: count }, () => hold(0))
  const ports = held.map((listener) => listener.port)
  for (const listener of held) listener.stop(true)
  return ports
}

/**
 * A listen port for an Apache broker, which takes two more: the one two below (its second port for
 * requests) and the one above (replication).
 */
export function freeBrokerPort(): number {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const base = hold(0)
    const others = [base.port - 2, base.port + 1].map((port) => tryHold(port))
    for (const listener of [base, ...others]) listener?.stop(true)
    if (others.every((listener) => listener !== null)) return base.port
  }
  throw new Error('found no free port with free neighbours in 50 attempts')
}

function hold(port: number): Bun.TCPSocketListener {
  return Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } })
}

function tryHold(port: number): Bun.TCPSocketListener | null {
  try {
    return hold(port)
  } catch {
    return null
  }
}
