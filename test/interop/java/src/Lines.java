import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.apache.rocketmq.common.message.Message;

/**
 * The line formats shared with the Go and Node programs:
 *
 * in        keys TAB tags TAB ordering key TAB body in base64   (empty field: not set)
 * sent      "sent" TAB keys TAB tags TAB queue TAB offset TAB message id TAB status
 * received  "received" TAB keys TAB tags TAB queue TAB offset TAB times redelivered TAB body in base64
 */
final class Lines {
    static final class Input {
        final Message message;
        final String orderingKey;

        Input(Message message, String orderingKey) {
            this.message = message;
            this.orderingKey = orderingKey;
        }
    }

    static List<Input> read(String path, String topic) throws Exception {
        List<Input> inputs = new ArrayList<>();
        for (String line : Files.readAllLines(Paths.get(path), StandardCharsets.UTF_8)) {
            String[] fields = line.split("\t", -1);
            Message message = new Message(topic, Base64.getDecoder().decode(fields[3]));
            if (!fields[0].isEmpty()) {
                message.setKeys(fields[0]);
            }
            if (!fields[1].isEmpty()) {
                message.setTags(fields[1]);
            }
            inputs.add(new Input(message, fields[2]));
        }
        return inputs;
    }

    static synchronized void print(Object... fields) {
        StringBuilder line = new StringBuilder();
        for (Object field : fields) {
            if (line.length() > 0) {
                line.append('\t');
            }
            line.append(field == null ? "" : field);
        }
        System.out.println(line);
        System.out.flush();
    }
}
