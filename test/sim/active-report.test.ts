// Goal: liveness comes from what brokers report, never from a nameserver that asks around (R36): one that
// cannot open a connection at all finds the dead, and the living again. Method: the real nodes under
// virtual time, the nameserver with a network that only listens.

import { expect, test } from 'bun:test'
import { Admin } from '../../src/client/admin.ts'
import { defaultNameserverConfig } from '../../src/nameserver/config.ts'
import { Nameserver } from '../../src/nameserver/nameserver.ts'
import { FakeCluster } from '../support/fake-cluster.ts'

test('R36: a nameserver that can connect to nobody evicts the silent and takes back who speaks again', async () => {
  const cluster = new FakeCluster()
  const { network, clock } = cluster.process('ns1')
  let attempts = 0
  const nameserver = new Nameserver({
    config: { ...defaultNameserverConfig(), listen: { host: 'ns1', port: 9876 } },
    network: {
      listen: (address, accept) => network.listen(address, accept),
      connect: async () => {
        attempts++
        throw new Error('a nameserver connects to nobody')
      },
    },
    clock,
    logger: cluster.logger('ns1'),
  })
  await cluster.settle(nameserver.start())
  cluster.nameservers.push('ns1:9876')
  await cluster.addRealBroker('broker-a')
  await cluster.addRealBroker('broker-b')
  const observer = cluster.client('observer')
  const admin = new Admin(observer)
  const listed = async (): Promise<string[]> => {
    const { value } = await cluster.settle(admin.cluster.brokers())
    return value.map(({ brokerName }) => brokerName).sort()
  }
  expect(await listed()).toEqual(['broker-a', 'broker-b'])
  const sleeper = cluster.processes.get('broker-b')
  sleeper?.freeze()
  await cluster.clock.advance(115_000)
  expect(await listed()).toEqual(['broker-a', 'broker-b'])
  await cluster.clock.advance(20_000)
  expect(await listed()).toEqual(['broker-a'])
  sleeper?.thaw()
  await cluster.clock.advance(31_000)
  expect(await listed()).toEqual(['broker-a', 'broker-b'])
  expect(attempts).toBe(0)
})
