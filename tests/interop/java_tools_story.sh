#!/usr/bin/env bash
# The story of Kafka's command line tools; CLASS_PATH has their jars.
set -euo pipefail
address=$1 name=$2
tools=org.apache.kafka.tools
count=4000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() { echo "$1" >&2; exit 1; }
tool() {
  java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m -cp "$CLASS_PATH" "$1" \
    --bootstrap-server "$address" "${@:2}" 2> "$work/said" || { cat "$work/said" >&2; fail "$1 failed"; }
}
kill_the_broker() {
  echo 'kill the broker'
  read -r _ || fail 'nobody starts the broker again'
}

# Topics and settings.
tool $tools.TopicCommand --create --topic "$name" --partitions 2 --replication-factor 1 --config retention.ms=86400000 > /dev/null
tool kafka.admin.ConfigCommand --alter --entity-type topics --entity-name "$name" --add-config retention.ms=3600000 > /dev/null
tool $tools.TopicCommand --create --topic "$name-gone" --partitions 1 --replication-factor 1 > /dev/null
tool $tools.TopicCommand --delete --topic "$name-gone"
tool $tools.TopicCommand --list > "$work/topics"
grep -qx "$name" "$work/topics" || fail 'a topic is not listed'
! grep -qx "$name-gone" "$work/topics" || fail 'a topic is not deleted'

# Records of 1 KiB, enough for several segments.
tool $tools.ProducerPerformance --topic "$name" --num-records "$count" --record-size 1024 --throughput -1 > "$work/written"
grep -q "^$count records sent" "$work/written" || fail 'records were not written'
kill_the_broker
tool $tools.consumer.ConsoleConsumer --topic "$name" --group "$name" --from-beginning --max-messages "$count" --timeout-ms 60000 > "$work/read"
[ "$(wc -l < "$work/read")" -eq "$count" ] || fail "$(wc -l < "$work/read") of $count records were read"
kill_the_broker

# What was acknowledged and committed is there.
tool $tools.GetOffsetShell --topic "$name" > "$work/ends"
[ "$(awk -F: '{ sum += $3 } END { print sum }' "$work/ends")" -eq "$count" ] || fail "the ends are $(cat "$work/ends")"
tool $tools.consumer.group.ConsumerGroupCommand --describe --group "$name" > "$work/group"
[ "$(awk -v name="$name" '$1 == name { sum += $4; lag += $6 } END { print sum, lag }' "$work/group")" = "$count 0" ] ||
  fail "the group is $(cat "$work/group")"
tool kafka.admin.ConfigCommand --describe --entity-type topics --entity-name "$name" > "$work/settings"
grep -q 'retention.ms=3600000 ' "$work/settings" || fail 'a changed setting is lost'
