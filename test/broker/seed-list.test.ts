// Goal: requirement R31: a list of nameservers is enough to find each other; what cannot be reached is
// named, the rest is used, and the order does not matter. Method: a broker in a simulated network with two
// nameservers that run and one address where nobody is, in every order.

import { expect, test } from 'bun:test'
import { REQUEST } from '../../src/remoting/codes.ts'
import { BrokerWorld, createTopic } from '../support/broker-world.ts'
import { NameserverWorld, routedBrokers } from '../support/nameserver-fixture.ts'

const FIRST = '10.0.0.3'
const SECOND = '10.0.0.4'
const NOBODY = '10.0.0.99'

test.each([[[FIRST, SECOND, NOBODY]], [[NOBODY, SECOND, FIRST]], [[SECOND, NOBODY, FIRST]]])(
  'R31: %p',
  async (hosts) => {
    const world = new BrokerWorld()
    const nameservers = new NameserverWorld(world)
    const running = [await nameservers.start(FIRST), await nameservers.start(SECOND)]
    await world.start({ nameservers: hosts.map((host) => `${host}:9876`) })
    await createTopic(world.peer('10.0.0.9'), 'T')
    for (const host of [FIRST, SECOND]) {
      expect(await routedBrokers(nameservers.peer('10.0.0.9', host), 'T')).toEqual(['broker-a'])
    }
    expect(world.lines.filter((line) => line.includes(`${NOBODY}:9876`))).not.toEqual([])

    // Whoever was missing is found when it comes, without a restart.
    running.push(await nameservers.start(NOBODY))
    await world.clock.advance(10_000)
    const late = nameservers.peer('10.0.0.9', NOBODY)
    expect((await late.ask(REQUEST.getRoute, { topic: 'T' })).code).toBe(0)
    await world.stop()
    for (const nameserver of running) await nameserver.stop()
  },
)
