"""A service on python-cqrs 4: its events, and what it reads and writes with the package."""

import orjson
import pydantic
from cqrs.deserializers import JsonDeserializer, ProtobufValueDeserializer
from cqrs.events import NotificationEvent
from cqrs.serializers import default_serializer, protobuf_value_serializer

import proto


class Payload(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(from_attributes=True)

    user_id: str
    visits: int


class UserJoined(NotificationEvent[Payload], frozen=True):
    def proto(self):
        return proto.UserJoined(
            event_id=str(self.event_id),
            event_timestamp=self.event_timestamp.isoformat(),
            event_name=self.event_name,
            topic=self.topic,
            payload=proto.Payload(user_id=self.payload.user_id, visits=self.payload.visits),
        )


def event(style, topic, payload):
    return UserJoined(event_name="user.joined", topic=topic, payload=Payload(**payload))


def write(style, joined):
    if style == "protobuf":
        return protobuf_value_serializer(joined), {}
    return default_serializer(joined), {}


def read(style, data):
    if style == "protobuf":
        return ProtobufValueDeserializer(UserJoined, proto.UserJoined)(data)
    return JsonDeserializer(UserJoined)(data)


def value_serializer(style):
    # The broker hands over a dict, which the default serializer of this version cannot write; and events
    # in protobuf go to the producer as they are.
    return protobuf_value_serializer if style == "protobuf" else orjson.dumps


async def send(style, producer, joined):
    from cqrs.container.di import DIContainer
    from cqrs.events import EventEmitter, EventMap
    from cqrs.message_brokers.kafka import KafkaMessageBroker

    if style == "protobuf":
        await producer.produce(joined.topic, joined)
    else:
        broker = KafkaMessageBroker(producer)
        await EventEmitter(EventMap(), DIContainer(), broker).emit(joined)
