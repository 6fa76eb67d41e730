"""The story of kafka-python."""

import concurrent.futures
import time

import story
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, NewTopic

address, name = story.arguments()
admin = KafkaAdminClient(bootstrap_servers=address)


def retention():
    described = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
    return described["topic"][name]["retention.ms"]["value"]


def consumer(*topics, **settings):
    common = {
        "bootstrap_servers": address,
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
    }
    return KafkaConsumer(*topics, **(common | settings))


# Topics and settings.
topic = NewTopic(name, num_partitions=2, replication_factor=1, topic_configs={"retention.ms": "86400000"})
admin.create_topics([topic])
story.check(retention() == "86400000", "a setting of a new topic is not there")
admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": "3600000"})])
admin.create_topics([NewTopic(f"{name}-gone", num_partitions=1, replication_factor=1)])
admin.delete_topics([f"{name}-gone"])
story.check(f"{name}-gone" not in admin.list_topics(), "a topic is not deleted")

# An idempotent producer across a crash.
producer = KafkaProducer(bootstrap_servers=address, enable_idempotence=True, compression_type="gzip")
futures = []
for number in range(story.COUNT):
    if number == story.COUNT // 2:
        story.kill_the_broker(wait=False)
    value = str(number).encode()
    futures.append(producer.send(name, value, partition=number % story.PARTITIONS))
    time.sleep(0.001)
for future in futures:
    future.get(timeout=60)
story.await_the_broker()

# A group of two. This client forgets the answer to a join that comes while nobody polls, and joins
# again, which has the group share its partitions anew: each member is polled all the time.
members = [consumer(name, group_id=name), consumer(name, group_id=name)]
seen = [[], []]
deadline = time.monotonic() + story.GROUP_PATIENCE


def read(member, values):
    while sum(map(len, seen)) < story.COUNT and time.monotonic() < deadline:
        for records in member.poll(timeout_ms=1000).values():
            values.extend(record.value for record in records)


with concurrent.futures.ThreadPoolExecutor() as pool:
    list(pool.map(read, members, seen))
story.check(all(seen), "one member of the group has read nothing")
story.check_log(sorted(seen, key=lambda values: int(values[0])))
for member in members:
    member.commit()
    member.close()

story.kill_the_broker(wait=True)

# What was acknowledged is there, and nothing else.
partitions = [TopicPartition(name, index) for index in range(story.PARTITIONS)]
again = consumer(name, group_id=name)
committed = [again.committed(partition) for partition in partitions]
story.check(committed == [story.COUNT // 2] * 2, f"committed offsets are {committed}")
while not again.assignment():
    story.check(not again.poll(timeout_ms=100), "a record is given to the group twice")
story.check(not again.poll(timeout_ms=1000), "a record is given to the group twice")
again.close()
reader = consumer(group_id=None)
log = []
for partition in partitions:
    reader.assign([partition])
    reader.seek_to_beginning(partition)
    end = reader.end_offsets([partition])[partition]
    values = []
    while reader.position(partition) < end:
        values.extend(record.value for record in reader.poll(timeout_ms=1000).get(partition, []))
    log.append(values)
story.check_log(log)
story.check(retention() == "3600000", "a changed setting is lost")
