// Command interop drives an unmodified rocketmq-client-go/v2 from a shell: `produce` or `consume` with
// the options and the line formats of ../java (see Lines.java).
package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/apache/rocketmq-client-go/v2"
	"github.com/apache/rocketmq-client-go/v2/consumer"
	"github.com/apache/rocketmq-client-go/v2/primitive"
	"github.com/apache/rocketmq-client-go/v2/producer"
	"github.com/apache/rocketmq-client-go/v2/rlog"
)

var (
	nameservers = flag.String("nameservers", "", "host:port, separated by commas")
	topic       = flag.String("topic", "", "")
	group       = flag.String("group", "", "")
	input       = flag.String("input", "", "file of messages to send")
	mode        = flag.String("mode", "sync", "sync, async, oneway or batch")
	count       = flag.Int("count", 1, "messages to wait for")
	timeoutMs   = flag.Int("timeout-ms", 60000, "")
	lingerMs    = flag.Int("linger-ms", 300, "how long to watch for duplicates at the end")
	ordered     = flag.Bool("ordered", false, "lock queues and consume in order")
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: interop produce|consume -nameservers A -topic T -group G …")
		os.Exit(2)
	}
	command := os.Args[1]
	_ = flag.CommandLine.Parse(os.Args[2:])
	rlog.SetLogLevel("error")
	var err error
	switch command {
	case "produce":
		err = produce()
	case "consume":
		err = consume()
	default:
		err = fmt.Errorf("unknown command %s", command)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

var printing sync.Mutex

func printLine(fields ...interface{}) {
	texts := make([]string, len(fields))
	for i, field := range fields {
		texts[i] = fmt.Sprint(field)
	}
	printing.Lock()
	defer printing.Unlock()
	fmt.Println(strings.Join(texts, "\t"))
}

func readMessages() ([]*primitive.Message, error) {
	file, err := os.Open(*input)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var messages []*primitive.Message
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		fields := strings.Split(lines.Text(), "\t")
		body, err := base64.StdEncoding.DecodeString(fields[3])
		if err != nil {
			return nil, err
		}
		message := primitive.NewMessage(*topic, body)
		if fields[0] != "" {
			message.WithKeys([]string{fields[0]})
		}
		if fields[1] != "" {
			message.WithTag(fields[1])
		}
		if fields[2] != "" {
			message.WithShardingKey(fields[2])
		}
		messages = append(messages, message)
	}
	return messages, lines.Err()
}

func report(message *primitive.Message, result *primitive.SendResult) error {
	status := "SEND_OK"
	if result.Status != primitive.SendOK {
		status = fmt.Sprintf("status %d", result.Status)
	}
	printLine("sent", message.GetKeys(), message.GetTags(), result.MessageQueue.QueueId,
		result.QueueOffset, result.MsgID, status)
	if result.Status != primitive.SendOK {
		return fmt.Errorf("%s was answered %s", message.GetKeys(), status)
	}
	return nil
}

func produce() error {
	options := []producer.Option{
		producer.WithNsResolver(primitive.NewPassthroughResolver(strings.Split(*nameservers, ","))),
		producer.WithGroupName(*group),
		producer.WithSendMsgTimeout(10 * time.Second),
	}
	if *mode == "ordered" {
		options = append(options, producer.WithQueueSelector(producer.NewHashQueueSelector()))
	}
	sender, err := rocketmq.NewProducer(options...)
	if err != nil {
		return err
	}
	if err = sender.Start(); err != nil {
		return err
	}
	defer sender.Shutdown()
	messages, err := readMessages()
	if err != nil {
		return err
	}
	ctx := context.Background()
	switch *mode {
	case "batch":
		result, err := sender.SendSync(ctx, messages...)
		if err != nil {
			return err
		}
		for _, message := range messages {
			if err = report(message, result); err != nil {
				return err
			}
		}
		return nil
	case "async":
		return sendAsync(ctx, sender, messages)
	}
	for _, message := range messages {
		if *mode == "oneway" {
			if err = sender.SendOneWay(ctx, message); err != nil {
				return err
			}
			printLine("sent", message.GetKeys(), message.GetTags(), "", "", "", "ONEWAY")
			continue
		}
		result, err := sender.SendSync(ctx, message)
		if err != nil {
			return err
		}
		if err = report(message, result); err != nil {
			return err
		}
	}
	if *mode == "oneway" {
		// Nothing is answered: closing at once would drop what the socket still holds.
		time.Sleep(time.Second)
	}
	return nil
}

func sendAsync(ctx context.Context, sender rocketmq.Producer, messages []*primitive.Message) error {
	answers := make(chan error, len(messages))
	for _, message := range messages {
		message := message
		err := sender.SendAsync(ctx, func(_ context.Context, result *primitive.SendResult, err error) {
			if err == nil {
				err = report(message, result)
			}
			answers <- err
		}, message)
		if err != nil {
			return err
		}
	}
	for range messages {
		select {
		case err := <-answers:
			if err != nil {
				return err
			}
		case <-time.After(30 * time.Second):
			return fmt.Errorf("a send was never answered")
		}
	}
	return nil
}

func consume() error {
	receiver, err := rocketmq.NewPushConsumer(
		consumer.WithNsResolver(primitive.NewPassthroughResolver(strings.Split(*nameservers, ","))),
		consumer.WithGroupName(*group),
		consumer.WithConsumeFromWhere(consumer.ConsumeFromFirstOffset),
		consumer.WithConsumerModel(consumer.Clustering),
		consumer.WithConsumerOrder(*ordered),
	)
	if err != nil {
		return err
	}
	var mutex sync.Mutex
	seen := map[string]bool{}
	err = receiver.Subscribe(*topic, consumer.MessageSelector{}, func(_ context.Context,
		messages ...*primitive.MessageExt) (consumer.ConsumeResult, error) {
		mutex.Lock()
		defer mutex.Unlock()
		for _, message := range messages {
			seen[fmt.Sprintf("%s/%d/%d", message.Queue.BrokerName, message.Queue.QueueId, message.QueueOffset)] = true
			printLine("received", message.GetKeys(), message.GetTags(), message.Queue.QueueId, message.QueueOffset,
				message.ReconsumeTimes, base64.StdEncoding.EncodeToString(message.Body))
		}
		return consumer.ConsumeSuccess, nil
	})
	if err != nil {
		return err
	}
	if err = receiver.Start(); err != nil {
		return err
	}
	printLine("ready")
	seenCount := func() int {
		mutex.Lock()
		defer mutex.Unlock()
		return len(seen)
	}
	deadline := time.Now().Add(time.Duration(*timeoutMs) * time.Millisecond)
	for seenCount() < *count && time.Now().Before(deadline) {
		time.Sleep(50 * time.Millisecond)
	}
	time.Sleep(time.Duration(*lingerMs) * time.Millisecond)
	if err = receiver.Shutdown(); err != nil {
		return err
	}
	printLine("done", seenCount())
	if seenCount() < *count {
		return fmt.Errorf("only %d of %d messages came", seenCount(), *count)
	}
	return nil
}
