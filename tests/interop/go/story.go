// The story of franz-go.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	count         = 2000
	partitions    = 2
	patience      = 60 * time.Second
	groupPatience = 90 * time.Second
)

var (
	address, name = os.Args[1], os.Args[2]
	told          = bufio.NewReader(os.Stdin)
)

func check(isRight bool, complaint string, values ...any) {
	if !isRight {
		fmt.Fprintf(os.Stderr, complaint+"\n", values...)
		os.Exit(1)
	}
}

// must ends the story when something fails that has to work.
func must[T any](value T, err error) T {
	check(err == nil, "%v", err)
	return value
}

func killTheBroker() { fmt.Println("kill the broker") }

func awaitTheBroker() {
	_, err := told.ReadString('\n')
	check(err == nil, "nobody starts the broker again")
}

func within(patience time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), patience)
}

func client(options ...kgo.Opt) *kgo.Client {
	options = append(options, kgo.SeedBrokers(address))
	return must(kgo.NewClient(options...))
}

func member(options ...kgo.Opt) *kgo.Client {
	options = append(options, kgo.ConsumerGroup(name), kgo.ConsumeTopics(name), kgo.DisableAutoCommit())
	return client(options...)
}

func retention(ctx context.Context, admin *kadm.Client) string {
	described := must(must(admin.DescribeTopicConfigs(ctx, name)).On(name, nil))
	for _, config := range described.Configs {
		if config.Key == "retention.ms" {
			return config.MaybeValue()
		}
	}
	return ""
}

func changeTopics() {
	admin := kadm.NewClient(client())
	defer admin.Close()
	ctx, cancel := within(patience)
	defer cancel()
	settings := map[string]*string{"retention.ms": kadm.StringPtr("86400000")}
	must(admin.CreateTopic(ctx, partitions, 1, settings, name))
	check(retention(ctx, admin) == "86400000", "a setting of a new topic is not there")
	change := kadm.AlterConfig{Name: "retention.ms", Value: kadm.StringPtr("3600000")}
	altered := must(admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{change}, name))
	must(altered.On(name, func(it *kadm.AlterConfigsResponse) error { return it.Err }))
	must(admin.CreateTopic(ctx, 1, 1, nil, name+"-gone"))
	must(admin.DeleteTopic(ctx, name+"-gone"))
	check(!must(admin.ListTopics(ctx)).Has(name+"-gone"), "a topic is not deleted")
}

// produce writes with an idempotent producer, as it is by default, across a crash.
func produce() {
	producer := client(
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.SnappyCompression()),
	)
	defer producer.Close()
	failed := make(chan error, count)
	for number := range count {
		if number == count/2 {
			killTheBroker()
		}
		value := []byte(strconv.Itoa(number))
		record := &kgo.Record{Topic: name, Partition: int32(number % partitions), Value: value}
		producer.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
			if err != nil {
				failed <- err
			}
		})
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := within(patience)
	defer cancel()
	check(producer.Flush(ctx) == nil, "records were not written")
	check(len(failed) == 0, "%d records were not written", len(failed))
	awaitTheBroker()
}

// A log is what was read: the numbers of each partition in their order.
type log [partitions][]int

func (log *log) add(fetches kgo.Fetches) int {
	fetches.EachRecord(func(record *kgo.Record) {
		number := must(strconv.Atoi(string(record.Value)))
		log[record.Partition] = append(log[record.Partition], number)
	})
	return fetches.NumRecords()
}

// check sees that every record is there once and in its order.
func (log *log) check() {
	for partition, numbers := range log {
		check(len(numbers) == count/partitions, "partition %d has %d records", partition, len(numbers))
		for at, number := range numbers {
			right := at*partitions + partition
			check(number == right, "partition %d has %d where %d must be", partition, number, right)
		}
	}
}

// readAsGroup has two members read at the same time, who commit and leave.
func readAsGroup() {
	ctx, cancel := within(groupPatience)
	defer cancel()
	var (
		read    log
		shares  [2]int
		lock    sync.Mutex
		reading sync.WaitGroup
	)
	members := []*kgo.Client{member(), member()}
	for index, member := range members {
		reading.Go(func() {
			for ctx.Err() == nil {
				fetches := member.PollFetches(ctx)
				lock.Lock()
				shares[index] += read.add(fetches)
				if shares[0]+shares[1] >= count {
					cancel()
				}
				lock.Unlock()
			}
		})
	}
	reading.Wait()
	check(shares[0] > 0 && shares[1] > 0, "one member of the group has read nothing: %v", shares)
	read.check()
	for _, member := range members {
		check(member.CommitUncommittedOffsets(context.Background()) == nil, "a commit fails")
		member.Close()
	}
}

// readAgain sees that what was acknowledged is there, and nothing else.
func readAgain() {
	// An admin client does not ask a second time when its connection is lost.
	admin := kadm.NewClient(client())
	defer admin.Close()
	ctx, cancel := within(patience)
	defer cancel()
	committed := must(admin.FetchOffsets(ctx, name))
	for partition := range int32(partitions) {
		offset, _ := committed.Lookup(name, partition)
		check(offset.At == count/partitions, "partition %d is committed up to %d", partition, offset.At)
	}
	joined := make(chan struct{}, 1)
	join := func(context.Context, *kgo.Client, map[string][]int32) { joined <- struct{}{} }
	again := member(kgo.OnPartitionsAssigned(join))
	<-joined
	soon, cancelSoon := within(time.Second)
	defer cancelSoon()
	check(again.PollFetches(soon).NumRecords() == 0, "a record is given to the group twice")
	again.Close()
	reader := client(kgo.ConsumeTopics(name))
	defer reader.Close()
	var whole log
	for read := 0; read < count && ctx.Err() == nil; {
		read += whole.add(reader.PollFetches(ctx))
	}
	whole.check()
	check(retention(ctx, admin) == "3600000", "a changed setting is lost")
}

func main() {
	changeTopics()
	produce()
	readAsGroup()
	killTheBroker()
	awaitTheBroker()
	readAgain()
}
