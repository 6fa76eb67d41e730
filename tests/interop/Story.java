import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** The story of Kafka's own clients. */
public class Story {
    static final int COUNT = 2000;
    static final int PARTITIONS = 2;
    static final Duration GROUP_PATIENCE = Duration.ofSeconds(90);

    static final BufferedReader IN = new BufferedReader(new InputStreamReader(System.in));
    static String address;
    static String name;

    public static void main(String[] arguments) throws Exception {
        address = arguments[0];
        name = arguments[1];
        changeTopics();
        produce();
        readAsGroup();
        killTheBroker();
        awaitTheBroker();
        readAgain();
    }

    static void changeTopics() throws Exception {
        try (Admin admin = admin()) {
            NewTopic topic = new NewTopic(name, PARTITIONS, (short) 1);
            admin.createTopics(Set.of(topic.configs(Map.of("retention.ms", "86400000")))).all().get();
            check(retention(admin).equals("86400000"), "a setting of a new topic is not there");
            AlterConfigOp change =
                new AlterConfigOp(new ConfigEntry("retention.ms", "3600000"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(resource(), Set.of(change))).all().get();
            String gone = name + "-gone";
            admin.createTopics(Set.of(new NewTopic(gone, 1, (short) 1))).all().get();
            admin.deleteTopics(Set.of(gone)).all().get();
            check(!admin.listTopics().names().get().contains(gone), "a topic is not deleted");
        }
    }

    /** An idempotent producer, as Kafka's is unless told otherwise, across a crash. */
    static void produce() throws Exception {
        Map<String, Object> settings = Map.of("bootstrap.servers", address, "compression.type", "snappy");
        List<Future<RecordMetadata>> written = new ArrayList<>();
        try (var producer =
                new KafkaProducer<>(settings, new StringSerializer(), new StringSerializer())) {
            for (int number = 0; number < COUNT; number++) {
                if (number == COUNT / 2) {
                    killTheBroker();
                }
                String value = String.valueOf(number);
                written.add(producer.send(new ProducerRecord<>(name, number % PARTITIONS, null, value)));
                Thread.sleep(1);
            }
            for (Future<RecordMetadata> record : written) {
                record.get();
            }
        }
        awaitTheBroker();
    }

    static void readAsGroup() {
        List<KafkaConsumer<String, String>> members = List.of(consumer(), consumer());
        List<List<String>> seen = List.of(new ArrayList<>(), new ArrayList<>());
        members.forEach(member -> member.subscribe(Set.of(name)));
        long deadline = System.nanoTime() + GROUP_PATIENCE.toNanos();
        while (seen.stream().mapToInt(List::size).sum() < COUNT && System.nanoTime() < deadline) {
            for (int index = 0; index < members.size(); index++) {
                read(members.get(index), seen.get(index));
            }
        }
        check(seen.stream().noneMatch(List::isEmpty), "one member of the group has read nothing");
        boolean isTurned = Integer.parseInt(seen.get(0).get(0)) % PARTITIONS == 1;
        checkLog(isTurned ? List.of(seen.get(1), seen.get(0)) : seen);
        for (KafkaConsumer<String, String> member : members) {
            member.commitSync();
            member.close();
        }
    }

    /** What was acknowledged is there, and nothing else. */
    static void readAgain() throws Exception {
        List<String> more = new ArrayList<>();
        try (KafkaConsumer<String, String> again = consumer()) {
            again.subscribe(Set.of(name));
            while (again.assignment().isEmpty()) {
                read(again, more);
            }
            var committed = again.committed(again.assignment());
            for (TopicPartition partition : again.assignment()) {
                check(committed.get(partition).offset() == COUNT / PARTITIONS, "committed: " + committed);
            }
            more.addAll(values(again, Duration.ofSeconds(1)));
            check(more.isEmpty(), "a record is given to the group twice");
        }
        List<List<String>> log = new ArrayList<>();
        try (KafkaConsumer<String, String> reader = consumer()) {
            for (int index = 0; index < PARTITIONS; index++) {
                TopicPartition partition = new TopicPartition(name, index);
                reader.assign(Set.of(partition));
                reader.seekToBeginning(Set.of(partition));
                long end = reader.endOffsets(Set.of(partition)).get(partition);
                List<String> values = new ArrayList<>();
                while (reader.position(partition) < end) {
                    read(reader, values);
                }
                log.add(values);
            }
        }
        checkLog(log);
        try (Admin admin = admin()) {
            check(retention(admin).equals("3600000"), "a changed setting is lost");
        }
    }

    static Admin admin() {
        return Admin.create(Map.of("bootstrap.servers", address));
    }

    static ConfigResource resource() {
        return new ConfigResource(ConfigResource.Type.TOPIC, name);
    }

    static String retention(Admin admin) throws Exception {
        return admin.describeConfigs(Set.of(resource())).all().get().get(resource()).get("retention.ms").value();
    }

    static KafkaConsumer<String, String> consumer() {
        Map<String, Object> settings = new HashMap<>();
        settings.put("bootstrap.servers", address);
        settings.put("group.id", name);
        settings.put("auto.offset.reset", "earliest");
        settings.put("enable.auto.commit", false);
        return new KafkaConsumer<>(settings, new StringDeserializer(), new StringDeserializer());
    }

    static void read(KafkaConsumer<String, String> consumer, List<String> into) {
        into.addAll(values(consumer, Duration.ofMillis(100)));
    }

    static List<String> values(KafkaConsumer<String, String> consumer, Duration patience) {
        List<String> values = new ArrayList<>();
        consumer.poll(patience).forEach(record -> values.add(record.value()));
        return values;
    }

    /** Every record is there once and in its order. */
    static void checkLog(List<? extends Collection<String>> log) {
        for (int index = 0; index < PARTITIONS; index++) {
            List<String> expected = IntStream.iterate(index, number -> number < COUNT, number -> number + PARTITIONS)
                .mapToObj(String::valueOf).toList();
            int found = log.get(index).size();
            check(expected.equals(List.copyOf(log.get(index))),
                "partition " + index + " has not every record once and in order; it has " + found);
        }
    }

    /** Asks for the broker to be killed and started again. */
    static void killTheBroker() {
        System.out.println("kill the broker");
        System.out.flush();
    }

    static void awaitTheBroker() throws Exception {
        check(IN.readLine() != null, "nobody starts the broker again");
    }

    static void check(boolean isRight, String complaint) {
        if (!isRight) {
            System.err.println(complaint);
            System.exit(1);
        }
    }
}
