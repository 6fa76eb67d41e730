// The story of @platformatic/kafka.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  Admin, CompressionAlgorithms, ConfigResourceTypes, Consumer, IncrementalAlterConfigOperationTypes,
  MessagesStreamFallbackModes, MessagesStreamModes, Producer, stringDeserializers, stringSerializers
} from '@platformatic/kafka'

const COUNT = 2000
const PARTITIONS = 2
const GROUP_PATIENCE = 90_000 // ms

const [address, name] = process.argv.slice(2)
const common = { clientId: name, bootstrapBrokers: [address], retries: 200, retryDelay: 100 }
const told = createInterface({ input: process.stdin })

function check (isRight, complaint) {
  if (isRight) return
  console.error(complaint)
  process.exit(1)
}

/** Asks for the broker to be killed; it runs again when the promise is kept. */
function killTheBroker () {
  const again = once(told, 'line')
  console.log('kill the broker')
  return again
}

/** `partitions` are lists of the values that each has, which must be all of them in their order. */
function checkLog (partitions) {
  for (let index = 0; index < PARTITIONS; index++) {
    const values = partitions[index]
    check(values.length === COUNT / PARTITIONS, `partition ${index} has ${values.length} records`)
    const wrong = values.findIndex((value, at) => value !== `${at * PARTITIONS + index}`)
    check(wrong < 0, `partition ${index} has ${values[wrong]} at ${wrong}`)
  }
}

function consumer (groupId) {
  return new Consumer({ ...common, groupId, autocommit: false, deserializers: stringDeserializers })
}

function stream (member) {
  return member.consume({
    topics: [name],
    mode: MessagesStreamModes.COMMITTED,
    fallbackMode: MessagesStreamFallbackModes.EARLIEST
  })
}

const topic = { resourceType: ConfigResourceTypes.TOPIC, resourceName: name }

async function retention (admin) {
  const resource = { ...topic, configurationKeys: ['retention.ms'] }
  const [described] = await admin.describeConfigs({ resources: [resource] })
  return described.configs[0].value
}

async function changeTopics (admin) {
  const configs = [{ name: 'retention.ms', value: '86400000' }]
  await admin.createTopics({ topics: [name], partitions: PARTITIONS, replicas: 1, configs })
  check(await retention(admin) === '86400000', 'a setting of a new topic is not there')
  const configOperation = IncrementalAlterConfigOperationTypes.SET
  const change = { ...topic, configs: [{ name: 'retention.ms', configOperation, value: '3600000' }] }
  await admin.incrementalAlterConfigs({ resources: [change] })
  await admin.createTopics({ topics: [`${name}-gone`], partitions: 1, replicas: 1 })
  await admin.deleteTopics({ topics: [`${name}-gone`] })
  check(!(await admin.listTopics()).includes(`${name}-gone`), 'a topic is not deleted')
}

/** An idempotent producer across a crash. */
async function produce () {
  const producer = new Producer({
    ...common, idempotent: true, compression: CompressionAlgorithms.GZIP, serializers: stringSerializers
  })
  let again
  for (let number = 0; number < COUNT; number += 20) {
    if (number === COUNT / 2) again = killTheBroker()
    const messages = []
    for (let next = number; next < number + 20; next++) {
      messages.push({ topic: name, partition: next % PARTITIONS, value: `${next}` })
    }
    await producer.send({ messages })
  }
  await again
  await producer.close()
}

async function readAsGroup () {
  const members = [consumer(name), consumer(name)]
  const streams = await Promise.all(members.map(stream))
  const log = [[], []]
  const shares = [0, 0]
  const last = []
  const all = new Promise(resolve => {
    streams.forEach((messages, index) => messages.on('data', message => {
      log[message.partition].push(message.value)
      last[message.partition] = message
      shares[index]++
      if (shares[0] + shares[1] === COUNT) resolve(true)
    }))
  })
  check(await Promise.race([all, sleep(GROUP_PATIENCE, false, { ref: false })]), `the group has read ${shares}`)
  check(shares.every(share => share > 0), `one member of the group has read nothing: ${shares}`)
  checkLog(log)
  for (const message of last) await message.commit()
  for (const member of members) await member.close(true)
}

/** What was acknowledged is there, and nothing else. */
async function readAgain (admin) {
  const again = consumer(name)
  const topics = [{ topic: name, partitions: [0, 1] }]
  const committed = (await again.listCommittedOffsets({ topics })).get(name)
  check(committed.every(offset => offset === BigInt(COUNT / 2)), `committed offsets are ${committed}`)
  const messages = await stream(again)
  messages.on('data', () => check(false, 'a record is given to the group twice'))
  check(again.assignments[0].partitions.length === PARTITIONS, 'the new member of the group has no partition')
  await sleep(1000)
  await again.close(true)
  const reader = consumer(`${name}-reader`)
  const log = [[], []]
  for await (const message of await stream(reader)) {
    log[message.partition].push(message.value)
    if (log[0].length + log[1].length === COUNT) break
  }
  checkLog(log)
  await reader.close(true)
  check(await retention(admin) === '3600000', 'a changed setting is lost')
}

const admin = new Admin(common)
await changeTopics(admin)
await produce()
await readAsGroup()
await killTheBroker()
await readAgain(admin)
await admin.close()
told.close()
