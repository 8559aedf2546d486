// Administration of a cluster through its nameservers and brokers.

import type { Client } from './client.ts'
import { ClusterAdmin } from './cluster-admin.ts'
import { GroupAdmin } from './group-admin.ts'
import { TopicAdmin } from './topic-admin.ts'

export class Admin {
  readonly topics: TopicAdmin
  readonly groups: GroupAdmin
  readonly cluster: ClusterAdmin

  constructor(client: Client) {
    this.topics = new TopicAdmin(client)
    this.groups = new GroupAdmin(client)
    this.cluster = new ClusterAdmin(client)
  }
}
