// A real browser without a screen, for what people look at. Pages are files; nothing is fetched.

import { TempFolder } from './cli.ts'

const LIMIT_MS = 60_000

/** Null where there is none. */
export const CHROMIUM = Bun.which('chromium') ?? Bun.which('chromium-browser')

export interface Rendered {
  /** The document after its scripts ran. */
  dom: string
  /** What it wrote to its console: errors, and what the policy refused. */
  console: string[]
  /** PNG. */
  picture: Uint8Array
}

export interface View {
  width: number
  height: number
  isDark?: boolean
}

export async function render(html: string, view: View): Promise<Rendered> {
  const folder = new TempFolder('chromium')
  try {
    const page = folder.join('page.html')
    const picture = folder.join('page.png')
    await Bun.write(page, html)
    const common = [
      CHROMIUM ?? 'chromium',
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--hide-scrollbars',
      '--enable-logging=stderr',
      `--user-data-dir=${folder.join('profile')}`,
      `--window-size=${view.width},${view.height}`,
      ...(view.isDark === true ? ['--blink-settings=preferredColorScheme=0'] : []),
    ]
    const dom = await run([...common, '--dump-dom', `file://${page}`])
    await run([...common, `--screenshot=${picture}`, `file://${page}`])
    return {
      dom: dom.stdout,
      console: dom.stderr.split('\n').filter((line) => line.includes('CONSOLE')),
      picture: await Bun.file(picture).bytes(),
    }
  } finally {
    folder.remove()
  }
}

async function run(command: string[]): Promise<{ stdout: string; stderr: string }> {
  const child = Bun.spawn(command, { stdout: 'pipe', stderr: 'pipe' })
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS)
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ])
  clearTimeout(timer)
  return { stdout, stderr }
}
