// The unmodified Apache Java client, driven through test/interop/java (see Client.java there).

import { join } from 'node:path'
import { JAVA_MODULE_FLAGS, mavenClassPath } from './maven.ts'

/** The newest clients of both generations that are complete in Maven Central. */
export const JAVA_CLIENT_VERSIONS = ['5.4.0', '4.9.8'] as const
export type JavaClientVersion = (typeof JAVA_CLIENT_VERSIONS)[number]

export function javaClientClassPath(version: JavaClientVersion): Promise<string> {
  return mavenClassPath({
    dir: join(import.meta.dir, '../java'),
    output: `java-${version}`,
    version,
    goals: ['compile', 'dependency:copy-dependencies'],
  })
}

/** The command line of one run; `args` as Client.java takes them. */
export async function javaClientCommand(options: {
  version: JavaClientVersion
  /** Where the client writes its logs. */
  dir: string
  args: readonly string[]
  javaFlags?: readonly string[]
}): Promise<string[]> {
  return [
    'java',
    '-Xmx512m',
    ...JAVA_MODULE_FLAGS,
    `-Duser.home=${options.dir}`,
    ...(options.javaFlags ?? []),
    '-cp',
    await javaClientClassPath(options.version),
    'Client',
    ...options.args,
  ]
}
