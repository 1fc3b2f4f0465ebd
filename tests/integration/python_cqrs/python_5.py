"""A service on python-cqrs 5: its events, and what it reads and writes with the package."""

import dataclasses
import datetime
import uuid

import pydantic
from cqrs import EventEmitter, EventMap
from cqrs.container.di import DIContainer
from cqrs.deserializers import JsonDeserializer, ProtobufDeserializer
from cqrs.events import NotificationEvent
from cqrs.models.pydantic import PydanticNotificationEvent
from cqrs.serializers import JsonEventSerializer, ProtobufEventSerializer
from cqrs.serializers.default import headers_for_content_type

import proto


@dataclasses.dataclass
class Payload:
    user_id: str
    visits: int


class PydanticPayload(pydantic.BaseModel):
    user_id: str
    visits: int


class UserJoined(NotificationEvent[Payload]):
    def proto(self):
        return proto.UserJoined(
            event_id=str(self.event_id),
            event_timestamp=self.event_timestamp.isoformat(),
            event_name=self.event_name,
            topic=self.topic,
            payload=proto.Payload(user_id=self.payload.user_id, visits=self.payload.visits),
        )

    @classmethod
    def from_proto(cls, message):
        return cls(
            event_id=uuid.UUID(message.event_id),
            event_timestamp=datetime.datetime.fromisoformat(message.event_timestamp),
            event_name=message.event_name,
            topic=message.topic,
            payload=Payload(message.payload.user_id, message.payload.visits),
        )


class PydanticUserJoined(PydanticNotificationEvent[PydanticPayload], frozen=True):
    pass


CODECS = {
    "dataclass": JsonEventSerializer(),
    "pydantic": JsonEventSerializer(),
    "protobuf": ProtobufEventSerializer({UserJoined: proto.UserJoined}),
}


def event(style, topic, payload):
    if style == "pydantic":
        data = PydanticPayload(**payload)
        return PydanticUserJoined(event_name="user.joined", topic=topic, payload=data)
    return UserJoined(event_name="user.joined", topic=topic, payload=Payload(**payload))


def write(style, joined):
    codec = CODECS[style]
    content_type, headers = headers_for_content_type(codec.content_type_for(joined), joined)
    return codec.serialize(joined), headers or {}


def read(style, data):
    if style == "protobuf":
        return ProtobufDeserializer(UserJoined, proto.UserJoined)(data)
    return JsonDeserializer(PydanticUserJoined if style == "pydantic" else UserJoined)(data)


def value_serializer(style):
    return None


async def send(style, producer, joined):
    from cqrs.message_brokers.kafka import KafkaMessageBroker

    broker = KafkaMessageBroker(producer)
    emitter = EventEmitter(EventMap(), DIContainer(), broker, serializer=CODECS[style])
    await emitter.emit(joined)
