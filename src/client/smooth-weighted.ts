// Smooth weighted round robin (the method nginx made known): each turn every target gains its weight,
// the richest is picked and pays the sum of all weights. Over one cycle each target is picked exactly
// as often as it weighs, and as evenly spread as possible: 3:1 gives a a b a, not a a a b. Pure.

export interface WeightedTarget {
  name: string
  weight: number
}

export class SmoothWeighted {
  #credits = new Map<string, number>()

  /** Picks one of `targets`, which may differ from call to call. Null only for an empty list. */
  pick(targets: readonly WeightedTarget[]): string | null {
    let totalWeight = 0
    let best: string | null = null
    let bestCredit = 0
    const credits = new Map<string, number>()
    for (const { name, weight } of targets) {
      totalWeight += weight
      const credit = (this.#credits.get(name) ?? 0) + weight
      credits.set(name, credit)
      if (best === null || credit > bestCredit) {
        best = name
        bestCredit = credit
      }
    }
    if (best !== null) credits.set(best, bestCredit - totalWeight)
    // Whoever was not offered this time starts afresh: old credit would come back as a burst.
    this.#credits = credits
    return best
  }
}
