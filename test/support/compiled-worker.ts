// The worker of compiled-main.ts: opens the database it is told and answers with the core it got.

import { attachCore } from '../../src/store/native.ts'
import { openDatabase } from '../../src/store/sqlite.ts'

declare const self: Worker

self.onmessage = ({ data }: MessageEvent) => {
  const db = openDatabase(data)
  postMessage(attachCore(db).name)
  db.close()
}
postMessage('ready')
