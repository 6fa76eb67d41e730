"""The story of aiokafka."""

import asyncio

import story
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

address, name = story.arguments()


def consumer(*topics, **settings):
    common = {
        "bootstrap_servers": address,
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
    }
    return AIOKafkaConsumer(*topics, **(common | settings))


async def retention(admin):
    resource = ConfigResource(ConfigResourceType.TOPIC, name)
    (answer,) = await admin.describe_configs([resource])
    entries = answer.resources[0][4]
    return {entry[0]: entry[1] for entry in entries}["retention.ms"]


async def change_topics(admin):
    topic = NewTopic(name, 2, 1, topic_configs={"retention.ms": "86400000"})
    await admin.create_topics([topic])
    story.check(await retention(admin) == "86400000", "a setting of a new topic is not there")
    change = ConfigResource(ConfigResourceType.TOPIC, name, configs={"retention.ms": "3600000"})
    await admin.alter_configs([change])
    await admin.create_topics([NewTopic(f"{name}-gone", 1, 1)])
    await admin.delete_topics([f"{name}-gone"])
    story.check(f"{name}-gone" not in await admin.list_topics(), "a topic is not deleted")


async def produce():
    """An idempotent producer across a crash."""
    producer = AIOKafkaProducer(
        bootstrap_servers=address, enable_idempotence=True, compression_type="lz4"
    )
    async with producer:
        futures = []
        for number in range(story.COUNT):
            if number == story.COUNT // 2:
                story.kill_the_broker(wait=False)
            value = str(number).encode()
            futures.append(await producer.send(name, value, partition=number % story.PARTITIONS))
            await asyncio.sleep(0.001)
        await asyncio.wait_for(asyncio.gather(*futures), 60)
    await asyncio.to_thread(story.await_the_broker)


async def read_as_group():
    members = [consumer(name, group_id=name), consumer(name, group_id=name)]
    await asyncio.gather(*(member.start() for member in members))
    seen = [[], []]

    async def read(member, values):
        while sum(map(len, seen)) < story.COUNT:
            for records in (await member.getmany(timeout_ms=100)).values():
                values.extend(record.value for record in records)

    reading = (read(member, values) for member, values in zip(members, seen))
    await asyncio.wait_for(asyncio.gather(*reading), story.GROUP_PATIENCE)
    story.check(all(seen), "one member of the group has read nothing")
    story.check_log(sorted(seen, key=lambda values: int(values[0])))
    for member in members:
        await member.commit()
        await member.stop()


async def read_again():
    """What was acknowledged is there, and nothing else."""
    partitions = [TopicPartition(name, index) for index in range(story.PARTITIONS)]
    async with consumer(name, group_id=name) as again:
        committed = [await again.committed(partition) for partition in partitions]
        story.check(committed == [story.COUNT // 2] * 2, f"committed offsets are {committed}")
        story.check(again.assignment(), "the new member of the group has no partition")
        more = await again.getmany(timeout_ms=1000)
        story.check(not more, "a record is given to the group twice")
    log = []
    async with consumer(group_id=None) as reader:
        for partition in partitions:
            reader.assign([partition])
            await reader.seek_to_beginning(partition)
            end = (await reader.end_offsets([partition]))[partition]
            values = []
            while await reader.position(partition) < end:
                records = (await reader.getmany(timeout_ms=1000)).get(partition, [])
                values.extend(record.value for record in records)
            log.append(values)
    story.check_log(log)


async def main():
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await change_topics(admin)
    await admin.close()
    await produce()
    await read_as_group()
    await asyncio.to_thread(story.kill_the_broker, True)
    await read_again()
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    story.check(await retention(admin) == "3600000", "a changed setting is lost")
    await admin.close()


asyncio.run(main())
