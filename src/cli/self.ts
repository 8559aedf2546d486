// How to run this very program again as another process: the compiled binary by itself, from source
// through Bun.

/** Compiled programs see their files under this root. */
const COMPILED_ROOT = '/$bunfs/'

export function selfCommand(): string[] {
  return Bun.main.startsWith(COMPILED_ROOT) ? [process.execPath] : [process.execPath, Bun.main]
}

/** How a person would call it, for commands to paste. */
export function selfName(): string {
  return Bun.main.startsWith(COMPILED_ROOT) ? process.execPath : 'bun src/main.ts'
}
