// The seed of a test that works on noise: SEED replays a run, otherwise a new one is drawn and
// printed, so that a failure can be had again.

import { systemRandom } from '../../src/core/random.ts'

export function testSeed(): number {
  const given = Bun.env['SEED']
  const seed = given === undefined ? systemRandom.below(2 ** 31) : Number(given)
  process.stderr.write(`seed ${seed} (SEED=${seed} replays it)\n`)
  return seed
}
