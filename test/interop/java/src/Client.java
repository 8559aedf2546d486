import java.util.HashMap;
import java.util.Map;

/**
 * An unmodified Apache Java client, driven from a shell: `produce`, `consume` or `offsets` with --name value
 * pairs. Messages come in and go out as lines of tab-separated fields with base64 bodies, so that
 * every byte survives and the caller needs no JSON on this side. See Lines.
 */
public final class Client {
    public static void main(String[] args) throws Exception {
        if (args.length == 0) {
            System.err.println("usage: Client produce|consume|offsets --nameservers A --topic T --group G …");
            System.exit(2);
        }
        Map<String, String> options = new HashMap<>();
        for (int i = 1; i + 1 < args.length; i += 2) {
            options.put(args[i].substring(2), args[i + 1]);
        }
        int exitCode;
        switch (args[0]) {
            case "produce":
                exitCode = new Produce(options).run();
                break;
            case "consume":
                exitCode = new Consume(options).run();
                break;
            case "offsets":
                exitCode = new Offsets(options).run();
                break;
            default:
                System.err.println("unknown command " + args[0]);
                exitCode = 2;
        }
        // The client keeps threads alive after shutdown() in some versions.
        System.exit(exitCode);
    }
}
