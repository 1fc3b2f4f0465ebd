"""The classes of user_joined.proto, made of the compiled file instead of generated code."""

import base64
import os

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(os.environ["PROTO_FILE"]))
_pool = descriptor_pool.Default()
_pool.AddSerializedFile(_file.SerializeToString())

UserJoined = message_factory.GetMessageClass(_pool.FindMessageTypeByName("users.v1.UserJoined"))
Payload = message_factory.GetMessageClass(_pool.FindMessageTypeByName("users.v1.UserJoined.Payload"))

# As generated code has it. Without, pydantic takes them for something built in.
for _class in (UserJoined, Payload):
    _class.__module__ = __name__
