"""Starts Millrace's broker: `python broker/broker.py 1 9092`.

Its settings are those of `config/broker.yaml`; what follows id and port goes to `millrace broker`
as it is, such as `--data DIR` or `--http.address 0.0.0.0:4195`. Runs with Python alone.
"""

import os
import shutil
import sys
from pathlib import Path

USAGE = "usage: python broker/broker.py ID PORT [OPTIONS OF `millrace broker`]"
SETTINGS = Path(__file__).resolve().parent.parent / "config" / "broker.yaml"


def program() -> str:
    """The binary of millrace: that of `MILLRACE_BIN`, else the first on the path."""
    named = os.environ.get("MILLRACE_BIN")
    found = shutil.which(named or "millrace")
    if found is None:
        where = f"`{named}` of MILLRACE_BIN" if named else "`millrace` on the path"
        sys.exit(
            f"error: {where} is no program: build it with `cargo build --release`, and set "
            "MILLRACE_BIN to target/release/millrace"
        )
    return found


def number(name: str, given: str, least: int, most: int) -> int:
    """A number of the command line."""
    if not given.isascii() or not given.isdigit() or not least <= int(given) <= most:
        sys.exit(
            f"error: the {name} is `{given}`: it must be a number from {least} to {most}\n{USAGE}"
        )
    return int(given)


def main(arguments: list[str]) -> None:
    """Becomes the broker, so that signals reach it and its exit code is the script's."""
    if len(arguments) < 2:
        sys.exit(USAGE)
    broker_id = number("id", arguments[0], 0, 2**31 - 1)
    port = number("port", arguments[1], 0, 65535)
    if broker_id != 1:
        sys.exit(
            f"error: broker {broker_id} cannot join the cluster of broker 1: replication is not "
            f"built, and it would be a cluster of its own; `millrace broker {broker_id} {port}` "
            "starts such a one"
        )
    os.environ.update(BROKER_ID=str(broker_id), BROKER_PORT=str(port))
    binary = program()
    os.execv(binary, [binary, "broker", "--config", str(SETTINGS), *arguments[2:]])


if __name__ == "__main__":
    main(sys.argv[1:])
