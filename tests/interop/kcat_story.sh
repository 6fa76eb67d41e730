#!/usr/bin/env bash
# The story of kcat, which has no admin client: its topic is made by being used.
set -euo pipefail
address=$1 name=$2
count=2000
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

fail() { echo "$1" >&2; exit 1; }
# -E: a broker that is away is no reason to end. No function: `kill` has to meet the client itself.
kcat=(kcat -q -E -b "$address" -X broker.address.family=v4)
kill_the_broker() { echo 'kill the broker'; }
await_the_broker() { read -r _ || fail 'nobody starts the broker again'; }

# The numbers of one partition, as they must be read.
expected() { seq "$1" 2 $((count - 1)); }

# Whether a file has so many lines.
has_lines() { [ "$(wc -l < "$1")" -ge "$2" ]; }

# An idempotent producer for each partition, across a crash.
"${kcat[@]}" -L -t "$name" > /dev/null
for partition in 0 1; do
  mkfifo "$work/in$partition"
  "${kcat[@]}" -P -t "$name" -p "$partition" -X enable.idempotence=true -z lz4 < "$work/in$partition" &
  producers+=($!)
done
exec 3> "$work/in0" 4> "$work/in1"
for number in $(seq 0 $((count - 1))); do
  [ "$number" -eq $((count / 2)) ] && kill_the_broker
  echo "$number" >&$((3 + number % 2))
done
exec 3>&- 4>&-
for producer in "${producers[@]}"; do wait "$producer" || fail 'records were not written'; done
await_the_broker

# A group of two.
for member in 0 1; do
  "${kcat[@]}" -G "$name" -u -X auto.offset.reset=earliest -f '%p %s\n' "$name" > "$work/member$member" &
  members+=($!)
done
for _ in $(seq 900); do
  cat "$work"/member? > "$work/group"
  has_lines "$work/group" "$count" && break
  sleep 0.1
done
# They commit what they have read, and leave.
kill "${members[@]}"
wait "${members[@]}" || true
for member in 0 1; do
  has_lines "$work/member$member" 1 || fail 'one member of the group has read nothing'
done
for partition in 0 1; do
  sed -n "s/^$partition //p" "$work/group" | diff -q - <(expected "$partition") > /dev/null ||
    fail "the group has not read all of partition $partition once and in order"
done

kill_the_broker
await_the_broker

# What was acknowledged is there, and nothing else.
"${kcat[@]}" -G "$name" -e -X auto.offset.reset=earliest "$name" > "$work/again"
has_lines "$work/again" 1 && fail 'a record is given to the group twice'
for partition in 0 1; do
  "${kcat[@]}" -C -t "$name" -p "$partition" -o beginning -e -u > "$work/log"
  diff -q "$work/log" <(expected "$partition") > /dev/null ||
    fail "partition $partition has not every record once and in order"
done
