import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;

/**
 * Sends every line of --input in one of the client's ways (--mode); exits 0 only if all were stored.
 * In mode "steady" it sends the lines again and again for --for-ms, one every --pause-ms, without
 * retries and with a route that is asked for every --route-interval-ms; sends that fail are named.
 */
final class Produce {
    private static final int SEND_TIMEOUT_MS = 10_000;
    private static final int BATCH_COUNT = 16;

    private final Map<String, String> options;
    private final AtomicInteger failed = new AtomicInteger();

    Produce(Map<String, String> options) {
        this.options = options;
    }

    int run() throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer(options.get("group"));
        producer.setNamesrvAddr(options.get("nameservers"));
        producer.setClientIP("127.0.0.1");
        producer.setSendMsgTimeout(SEND_TIMEOUT_MS);
        producer.setRetryAnotherBrokerWhenNotStoreOK(true);
        if (options.containsKey("route-interval-ms")) {
            producer.setPollNameServerInterval(Integer.parseInt(options.get("route-interval-ms")));
            producer.setRetryTimesWhenSendFailed(0);
        }
        producer.start();
        try {
            List<Lines.Input> inputs = Lines.read(options.get("input"), options.get("topic"));
            switch (options.getOrDefault("mode", "sync")) {
                case "sync":
                    for (Lines.Input input : inputs) {
                        report(input.message, producer.send(input.message));
                    }
                    break;
                case "async":
                    sendAsync(producer, inputs);
                    break;
                case "oneway":
                    for (Lines.Input input : inputs) {
                        producer.sendOneway(input.message);
                        Lines.print("sent", input.message.getKeys(), input.message.getTags(), "", "", "", "ONEWAY");
                    }
                    // Nothing is answered: closing at once would drop what the socket still holds.
                    Thread.sleep(1_000);
                    break;
                case "batch":
                    sendBatches(producer, inputs);
                    break;
                case "ordered":
                    for (Lines.Input input : inputs) {
                        report(input.message, producer.send(
                            input.message,
                            (queues, message, key) -> queues.get(Math.floorMod(key.hashCode(), queues.size())),
                            input.orderingKey));
                    }
                    break;
                case "steady":
                    sendSteadily(producer, inputs);
                    break;
                default:
                    System.err.println("unknown mode " + options.get("mode"));
                    return 2;
            }
        } finally {
            producer.shutdown();
        }
        return failed.get() == 0 ? 0 : 1;
    }

    private void report(Message message, SendResult result) {
        if (result.getSendStatus() != SendStatus.SEND_OK) {
            failed.incrementAndGet();
        }
        Lines.print("sent", message.getKeys(), message.getTags(), result.getMessageQueue().getQueueId(),
            result.getQueueOffset(), result.getMsgId(), result.getSendStatus());
    }

    private void sendSteadily(DefaultMQProducer producer, List<Lines.Input> inputs) throws Exception {
        long end = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(Long.parseLong(options.get("for-ms")));
        for (int count = 0; System.nanoTime() < end; count++) {
            Message message = inputs.get(count % inputs.size()).message;
            try {
                report(message, producer.send(message));
            } catch (Exception error) {
                failed.incrementAndGet();
                Lines.print("failed", message.getKeys(), error.getMessage());
            }
            Thread.sleep(Long.parseLong(options.get("pause-ms")));
        }
    }

    private void sendAsync(DefaultMQProducer producer, List<Lines.Input> inputs) throws Exception {
        CountDownLatch open = new CountDownLatch(inputs.size());
        for (Lines.Input input : inputs) {
            producer.send(input.message, new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    report(input.message, result);
                    open.countDown();
                }

                @Override
                public void onException(Throwable error) {
                    failed.incrementAndGet();
                    System.err.println("send of " + input.message.getKeys() + " failed: " + error);
                    open.countDown();
                }
            });
        }
        if (!open.await(30, TimeUnit.SECONDS)) {
            failed.incrementAndGet();
            System.err.println(open.getCount() + " sends were never answered");
        }
    }

    private void sendBatches(DefaultMQProducer producer, List<Lines.Input> inputs) throws Exception {
        for (int first = 0; first < inputs.size(); first += BATCH_COUNT) {
            List<Message> batch = new ArrayList<>();
            for (Lines.Input input : inputs.subList(first, Math.min(first + BATCH_COUNT, inputs.size()))) {
                batch.add(input.message);
            }
            SendResult result = producer.send(batch);
            for (Message message : batch) {
                report(message, result);
            }
        }
    }
}
