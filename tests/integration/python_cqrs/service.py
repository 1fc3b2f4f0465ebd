"""
Does what it is told: a JSON object in each line of the standard input, and in each of the output an
answer. Its one argument is the module of a version of python-cqrs.
"""

import asyncio
import base64
import importlib
import json
import logging
import sys

python = importlib.import_module(sys.argv[1])
logging.disable(logging.CRITICAL)


def plain(joined):
    payload = getattr(joined, "payload", None)
    if payload is None:
        raise TypeError(repr(joined))
    if not isinstance(payload, dict):
        payload = {"user_id": payload.user_id, "visits": payload.visits}
    return {
        "type": type(joined).__name__,
        "id": str(joined.event_id),
        "timestamp": joined.event_timestamp.isoformat(),
        "name": joined.event_name,
        "topic": joined.topic,
        "payload": payload,
    }


def write(style, topic, payload):
    joined = python.event(style, topic, payload)
    data, headers = python.write(style, joined)
    return {"event": plain(joined), "body": base64.b64encode(data).decode(), "headers": headers}


def read(style, body):
    return plain(python.read(style, base64.b64decode(body)))


async def publish(bootstrap, style, topic, payloads):
    from cqrs.adapters.kafka import kafka_producer_factory

    serializer = python.value_serializer(style)
    producer = kafka_producer_factory(bootstrap, value_serializer=serializer)
    try:
        events = [python.event(style, topic, payload) for payload in payloads]
        for joined in events:
            await python.send(style, producer, joined)
        return [plain(joined) for joined in events]
    finally:
        await producer._producer.stop()


async def consume(bootstrap, style, topic, count):
    import aiokafka

    consumer = aiokafka.AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=f"{topic}-python",
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        records = [await asyncio.wait_for(consumer.getone(), 60) for _ in range(count)]
        return [
            {
                "event": plain(python.read(style, record.value)),
                "key": record.key.decode() if record.key else None,
                "headers": {name: value.decode() for name, value in record.headers},
            }
            for record in records
        ]
    finally:
        await consumer.stop()


COMMANDS = {"write": write, "read": read, "publish": publish, "consume": consume}


async def answer(line):
    command, arguments = json.loads(line)
    try:
        result = COMMANDS[command](**arguments)
        return {"result": await result if asyncio.iscoroutine(result) else result}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


async def main():
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(await answer(line)), flush=True)


asyncio.run(main())
