"""What the package promises beside the lines of the operations guide.

Needs a broker, that of `MILLRACE_BOOTSTRAP_SERVERS`: `python -m unittest discover -s tests`.
"""

import unittest
import uuid
from unittest.mock import patch
from urllib.request import urlopen

from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from client.consumer import Consumer, ConsumerConfig, OffsetResetPolicy
from client.producer import AckMode, DeliveryError, Producer, ProducerConfig
from client.settings import ClusterUnreachable, ConfigError, default_bootstrap_servers
from coordinator.cluster_coordinator import ClusterCoordinator

NOWHERE = ["127.0.0.1:1"]


def new_name() -> str:
    return f"test-{uuid.uuid4()}"


def served(port: int | None) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return answer.read().decode()


def read_all(topic: str, count: int, **settings) -> Consumer:
    """A consumer that has read this many records."""
    consumer = Consumer(
        ConsumerConfig(group_id=topic, auto_offset_reset=OffsetResetPolicy.EARLIEST, **settings)
    )
    consumer.subscribe([topic])
    consumer.records = []
    while len(consumer.records) < count:
        consumer.records += consumer.poll()
    return consumer


class Configs(unittest.TestCase):
    def refused(self, remedy: str, config: type, **settings) -> None:
        with self.assertRaises(ConfigError) as told:
            config(**settings)
        self.assertIn(remedy, str(told.exception))

    def test_what_cannot_be_is_refused_with_the_remedy(self) -> None:
        self.refused("AckMode.LEADER", ProducerConfig, acks="1")
        self.refused("lz4", ProducerConfig, compression_type="lzma")
        self.refused("['localhost:9092']", ProducerConfig, bootstrap_servers="localhost:9092")
        self.refused("at least 0", ProducerConfig, linger_ms=-1)
        self.refused("AckMode.ALL", ProducerConfig, enable_idempotence=True, acks=AckMode.LEADER)
        self.refused("at most 5", ProducerConfig, enable_idempotence=True, max_in_flight_requests=6)
        self.refused("at least 1", ConsumerConfig, max_poll_records=0)
        self.refused("OffsetResetPolicy.LATEST", ConsumerConfig, auto_offset_reset="latest")

    def test_a_producer_is_idempotent_wherever_its_other_settings_allow_it(self) -> None:
        def is_idempotent(**settings) -> bool:
            return ProducerConfig(**settings).settings()["enable_idempotence"]

        self.assertTrue(is_idempotent())
        self.assertFalse(is_idempotent(enable_idempotence=False))
        self.assertFalse(is_idempotent(acks=AckMode.LEADER))
        self.assertFalse(is_idempotent(max_in_flight_requests=10))

    def test_a_record_may_take_at_least_as_long_as_one_request(self) -> None:
        settings = ProducerConfig(request_timeout_ms=200000, linger_ms=5).settings()
        self.assertEqual(settings["delivery_timeout_ms"], 200005)

    def test_a_missing_codec_is_told_with_the_package(self) -> None:
        is_not_there = {"snappy": (lambda: False, 2)}
        producer = Producer(ProducerConfig(compression_type="snappy"))
        with patch.dict(KafkaProducer._COMPRESSORS, is_not_there):
            with self.assertRaisesRegex(ConfigError, r"pip install kafka-python\[snappy\]"):
                producer.start()


class Clients(unittest.TestCase):
    def test_records_come_back_as_they_were_sent(self) -> None:
        topic = new_name()
        with Producer() as producer:
            producer.send(topic, "wert ü", key=b"\xff", headers={"a": "b"}, timestamp_ms=7)
        with read_all(topic, 1) as consumer:
            (record,) = consumer.records
            self.assertEqual(consumer.bounds(), {(topic, 0): (0, 1)})
        self.assertEqual(record.value, "wert ü".encode())
        self.assertEqual((record.key, record.offset, record.timestamp), (b"\xff", 0, 7))
        self.assertEqual(list(record.headers), [("a", b"b")])

    def test_a_record_that_was_refused_is_told_at_the_end(self) -> None:
        topic = new_name()
        admin = KafkaAdminClient(bootstrap_servers=default_bootstrap_servers())
        admin.create_topics([NewTopic(topic, 1, 1, topic_configs={"max.message.bytes": "200"})])
        admin.close()
        producer = Producer()
        producer.start()
        producer.send(topic, "small")
        producer.send(topic, "x" * 1000)
        with self.assertRaisesRegex(DeliveryError, "^1 records have not arrived"):
            producer.close()
        producer.close()

    def test_what_is_committed_is_not_read_again(self) -> None:
        topic = new_name()
        with Producer() as producer:
            producer.send(topic, "a")
            producer.send(topic, "b")
        read_all(topic, 2).close()
        with Producer() as producer:
            producer.send(topic, "c")
        with read_all(topic, 1) as consumer:
            self.assertEqual([it.value for it in consumer.records], [b"c"])

    def test_the_metrics_of_the_guide_are_there_and_served(self) -> None:
        topic = new_name()
        with Producer(ProducerConfig(client_id="p", metrics_port=0)) as producer:
            for number in range(100):
                producer.send(topic, str(number), partition=0)
            producer.flush()
            values, text = producer.metrics(), served(producer.metrics_port)
        self.assertGreater(values["record_send_rate"], 0)
        self.assertGreater(values["batch_size_avg"], 0)
        self.assertGreater(values["request_latency_avg"], 0)
        self.assertIn('record_error_rate{client_id="p"} 0.0', text)
        with read_all(topic, 60, max_poll_records=60, metrics_port=0) as consumer:
            self.assertEqual(consumer.metrics()["consumer_lag"], 40)
            self.assertEqual(len(consumer.poll()), 40)
            values, text = consumer.metrics(), served(consumer.metrics_port)
        self.assertEqual(values["consumer_lag"], 0)
        # Two when the member has come before it knew the partitions.
        rebalances = values["rebalance_rate"]
        self.assertGreaterEqual(rebalances, 1)
        self.assertGreater(values["records_consumed_rate"], 0)
        self.assertGreater(values["fetch_latency_avg"], 0)
        self.assertIn(f'rebalance_rate{{client_id="consumer"}} {rebalances}', text)
        # The broker has it, with its group.
        self.assertNotIn("consumer_lag", text)

    def test_a_port_of_metrics_in_use_is_told_and_the_client_is_not_started(self) -> None:
        with Producer(ProducerConfig(metrics_port=0)) as first:
            second = Producer(ProducerConfig(metrics_port=first.metrics_port))
            with self.assertRaisesRegex(OSError, "give another metrics_port"):
                second.start()
            with self.assertRaisesRegex(RuntimeError, r"start\(\)"):
                second.send("never", "a")

    def test_what_nobody_acknowledges_is_sent_before_the_end(self) -> None:
        topic = new_name()
        with Producer(ProducerConfig(acks=AckMode.NONE)) as producer:
            producer.send(topic, "a")
        read_all(topic, 1).close()

    def test_what_is_no_text_and_what_is_not_started_is_told_with_the_remedy(self) -> None:
        with Producer() as producer:
            with self.assertRaisesRegex(TypeError, "json.dumps"):
                producer.send("never", {"a": 1})
        with self.assertRaisesRegex(RuntimeError, r"start\(\)"):
            producer.send("never", "a")
        with self.assertRaisesRegex(RuntimeError, "subscribe"):
            Consumer().poll()
        with self.assertRaisesRegex(TypeError, r"\['orders'\]"):
            Consumer().subscribe("orders")

    def test_where_no_broker_answers_is_told_with_the_remedy(self) -> None:
        settings = {"bootstrap_servers": NOWHERE, "request_timeout_ms": 600}
        with self.assertRaisesRegex(ClusterUnreachable, "127.0.0.1:1 .*broker.py 1 9092"):
            Producer(ProducerConfig(**settings)).start()
        with self.assertRaisesRegex(ClusterUnreachable, "MILLRACE_BOOTSTRAP_SERVERS"):
            Consumer(ConsumerConfig(**settings)).start()

    def test_the_metadata_of_another_broker_is_refused(self) -> None:
        with self.assertRaisesRegex(LookupError, r"broker 7 .* give one of \[1\]"):
            print(ClusterCoordinator(7).cluster_metadata)


if __name__ == "__main__":
    unittest.main()
