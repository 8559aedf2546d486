// Apache's programs come from Maven Central, through the ordinary client, into build/interop/.
// A stamp with the content of what was built makes the second run do nothing at all.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from './process.ts'

export const PROJECT_DIR = join(import.meta.dir, '../../..')
export const INTEROP_DIR = join(PROJECT_DIR, 'build/interop')

const INSTALL_TIMEOUT_MS = 600_000

export interface MavenProject {
  /** Folder of the pom.xml. */
  dir: string
  /** Folder under build/interop, as the pom names it. */
  output: string
  version: string
  goals: readonly string[]
}

/** Gives the class path of the project, resolved and built at most once. */
export async function mavenClassPath(project: MavenProject): Promise<string> {
  const output = join(INTEROP_DIR, project.output)
  const stampPath = join(output, '.stamp')
  const stamp = `${project.version} ${project.goals.join(' ')} ${contentHash(project.dir)}`
  if (!existsSync(stampPath) || readFileSync(stampPath, 'utf8') !== stamp) {
    // Jars of another version must not stay on the class path.
    rmSync(output, { recursive: true, force: true })
    mkdirSync(output, { recursive: true })
    await run(['mvn', '-q', '-B', `-Drocketmq.version=${project.version}`, ...project.goals], {
      cwd: project.dir,
      timeoutMs: INSTALL_TIMEOUT_MS,
    })
    writeFileSync(stampPath, stamp)
  }
  return `${join(output, 'classes')}:${join(output, 'lib')}/*`
}

function contentHash(dir: string): string {
  const hash = new Bun.CryptoHasher('sha256')
  for (const name of readdirSync(dir, { recursive: true, encoding: 'utf8' }).sort()) {
    if (/\.(java|xml)$/.test(name)) hash.update(name).update(readFileSync(join(dir, name)))
  }
  return hash.digest('hex')
}

/** Why the Java side cannot run here, or null. */
export function javaMissing(): string | null {
  for (const tool of ['java', 'mvn']) {
    if (Bun.which(tool) === null) return `${tool} is not on the PATH (install a JDK and Maven)`
  }
  return null
}

/** What every Apache program of these versions needs on Java 9 and newer. */
export const JAVA_MODULE_FLAGS = [
  '--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED',
  '--add-exports=java.base/sun.nio.ch=ALL-UNNAMED',
  '--add-opens=java.base/java.nio=ALL-UNNAMED',
]
