import java.util.Base64;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * A push consumer in clustering mode: prints what it gets until --count different messages came
 * (plus --linger-ms, in which duplicates would show), or --timeout-ms passed (exit 1).
 */
final class Consume {
    private final Map<String, String> options;
    private final Set<String> seen = new HashSet<>();

    Consume(Map<String, String> options) {
        this.options = options;
    }

    int run() throws Exception {
        int countWanted = Integer.parseInt(options.getOrDefault("count", "1"));
        long deadline = System.currentTimeMillis() + Long.parseLong(options.getOrDefault("timeout-ms", "60000"));
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(options.get("group"));
        consumer.setNamesrvAddr(options.get("nameservers"));
        consumer.setClientIP("127.0.0.1");
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(options.get("topic"), options.getOrDefault("subscription", "*"));
        if ("true".equals(options.get("ordered"))) {
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                receive(messages);
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                receive(messages);
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
        Lines.print("ready");
        while (count() < countWanted && System.currentTimeMillis() < deadline) {
            Thread.sleep(50);
        }
        Thread.sleep(Long.parseLong(options.getOrDefault("linger-ms", "300")));
        consumer.shutdown();
        Lines.print("done", count());
        return count() >= countWanted ? 0 : 1;
    }

    private synchronized int count() {
        return seen.size();
    }

    private synchronized void receive(List<MessageExt> messages) {
        for (MessageExt message : messages) {
            byte[] body = message.getBody() == null ? new byte[0] : message.getBody();
            seen.add(message.getBrokerName() + "/" + message.getQueueId() + "/" + message.getQueueOffset());
            Lines.print("received", message.getKeys(), message.getTags(), message.getQueueId(),
                message.getQueueOffset(), message.getReconsumeTimes(), Base64.getEncoder().encodeToString(body));
        }
    }
}
