"""What the stories of the Python clients share."""

import collections
import sys

COUNT = 2000
PARTITIONS = 2
GROUP_PATIENCE = 90  # seconds


def arguments():
    """The address of the broker, and the name of the topic and the group."""
    address, name = sys.argv[1:]
    return address, name


def kill_the_broker(wait):
    """Asks for the broker to be killed and started again."""
    print("kill the broker", flush=True)
    if wait:
        await_the_broker()


def await_the_broker():
    """Waits for the broker that has been asked for."""
    check(sys.stdin.readline() != "", "nobody starts the broker again")


def check(is_right, complaint):
    if not is_right:
        sys.exit(complaint)


def check_log(partitions):
    """Every record is there once and in its order: `partitions` are lists of values."""
    values = [int(value) for values in partitions for value in values]
    twice = [value for value, times in collections.Counter(values).items() if times > 1]
    check(not twice, f"{len(twice)} records are there twice, such as {twice[:3]}")
    missing = sorted(set(range(COUNT)) - set(values))
    check(not missing, f"{len(missing)} records are lost, such as {missing[:3]}")
    for index, values in enumerate(partitions):
        ordered = [str(number).encode() for number in range(index, COUNT, PARTITIONS)]
        check(values == ordered, f"partition {index} is not in order")
