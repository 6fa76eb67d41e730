"""The story of confluent-kafka (librdkafka)."""

import time

import story
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

address, name = story.arguments()
admin = AdminClient({"bootstrap.servers": address})
resource = ConfigResource(ResourceType.TOPIC, name)


def wait(futures):
    return [future.result(timeout=60) for future in futures.values()]


def retention():
    (entries,) = wait(admin.describe_configs([resource]))
    return entries["retention.ms"].value


def consumer(**settings):
    common = {
        "bootstrap.servers": address,
        "group.id": name,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
    }
    return Consumer(common | settings)


# Topics and settings.
topic = NewTopic(name, num_partitions=2, replication_factor=1, config={"retention.ms": "86400000"})
wait(admin.create_topics([topic]))
story.check(retention() == "86400000", "a setting of a new topic is not there")
change = ConfigEntry("retention.ms", "3600000", incremental_operation=AlterConfigOpType.SET)
resource.add_incremental_config(change)
wait(admin.incremental_alter_configs([resource]))
wait(admin.create_topics([NewTopic(f"{name}-gone", num_partitions=1, replication_factor=1)]))
wait(admin.delete_topics([f"{name}-gone"]))
story.check(f"{name}-gone" not in admin.list_topics(timeout=60).topics, "a topic is not deleted")

# An idempotent producer across a crash.
failed = []
producer = Producer(
    {"bootstrap.servers": address, "enable.idempotence": True, "compression.type": "zstd"}
)
for number in range(story.COUNT):
    if number == story.COUNT // 2:
        story.kill_the_broker(wait=False)
    producer.produce(
        name,
        str(number).encode(),
        partition=number % story.PARTITIONS,
        on_delivery=lambda error, _: failed.append(error) if error else None,
    )
    producer.poll(0.001)
story.check(producer.flush(60) == 0 and not failed, f"records were not written: {failed[:3]}")
story.await_the_broker()

# A group of two.
members = [consumer(), consumer()]
for member in members:
    member.subscribe([name])
seen = [[], []]
deadline = time.monotonic() + story.GROUP_PATIENCE
while sum(map(len, seen)) < story.COUNT and time.monotonic() < deadline:
    for member, values in zip(members, seen):
        values.extend(message.value() for message in member.consume(100, timeout=0.1))
story.check(all(seen), "one member of the group has read nothing")
story.check_log(sorted(seen, key=lambda values: int(values[0])))
for member in members:
    member.commit(asynchronous=False)
    member.close()

story.kill_the_broker(wait=True)

# What was acknowledged is there, and nothing else.
partitions = [TopicPartition(name, index) for index in range(story.PARTITIONS)]
again = consumer()
committed = [place.offset for place in again.committed(partitions, timeout=60)]
story.check(committed == [story.COUNT // 2] * 2, f"committed offsets are {committed}")
again.subscribe([name])
while not again.assignment():
    story.check(again.poll(0.1) is None, "a record is given to the group twice")
story.check(again.poll(1) is None, "a record is given to the group twice")
again.close()
reader = consumer(**{"enable.partition.eof": True, "isolation.level": "read_committed"})
log = []
for index in range(story.PARTITIONS):
    reader.assign([TopicPartition(name, index, 0)])
    values = []
    while (message := reader.poll(60)) is not None and not message.error():
        values.append(message.value())
    log.append(values)
story.check_log(log)
story.check(retention() == "3600000", "a changed setting is lost")
