// Many questions, a bounded number of them under way.

/** Results in the order of `items`. Rejects with the first failure; no new one begins after it. */
export async function mapBounded<T, R>(
  items: readonly T[],
  concurrencyMax: number,
  action: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  let isFailed = false
  const work = async (): Promise<void> => {
    while (next < items.length && !isFailed) {
      const at = next++
      try {
        results[at] = await action(items[at] as T)
      } catch (error) {
        isFailed = true
        throw error
      }
    }
  }
  await Promise.all(Array.from({ length: Math.min(concurrencyMax, items.length) }, work))
  return results
}
