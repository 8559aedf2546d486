import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.common.message.MessageQueue;

/** The offset questions of a pull consumer: for each queue its minimum, maximum and the offset at time 0. */
final class Offsets {
    private final Map<String, String> options;

    Offsets(Map<String, String> options) {
        this.options = options;
    }

    int run() throws Exception {
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(options.get("group"));
        consumer.setNamesrvAddr(options.get("nameservers"));
        consumer.setClientIP("127.0.0.1");
        consumer.start();
        try {
            for (MessageQueue queue : consumer.fetchSubscribeMessageQueues(options.get("topic"))) {
                Lines.print("queue", queue.getBrokerName(), queue.getQueueId(), consumer.minOffset(queue),
                    consumer.maxOffset(queue), consumer.searchOffset(queue, 1L));
            }
        } finally {
            consumer.shutdown();
        }
        return 0;
    }
}
