"""The messages of `inference.GRPCInferenceService`, built from a table: nothing is generated, nothing is compiled.

Names and numbers are the Open Inference Protocol's (its open_inference_grpc.proto); a test holds them to the
protocol's own client. The descriptors live in a pool of their own, so that they meet no others of the same names.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "inference"
SERVICE = f"{PACKAGE}.GRPCInferenceService"
# message -> fields in the order of their numbers: "name type", "*" repeated, "{}" map of string, "|" one of a choice.
TABLE: dict[str, tuple[str, ...]] = {
    "ServerLiveRequest": (),
    "ServerLiveResponse": ("live bool",),
    "ServerReadyRequest": (),
    "ServerReadyResponse": ("ready bool",),
    "ModelReadyRequest": ("name string", "version string"),
    "ModelReadyResponse": ("ready bool",),
    "ServerMetadataRequest": (),
    "ServerMetadataResponse": ("name string", "version string", "extensions string*"),
    "ModelMetadataRequest": ("name string", "version string"),
    "ModelMetadataResponse": (
        "name string",
        "versions string*",
        "platform string",
        "inputs ModelMetadataResponse.TensorMetadata*",
        "outputs ModelMetadataResponse.TensorMetadata*",
    ),
    "ModelMetadataResponse.TensorMetadata": ("name string", "datatype string", "shape int64*"),
    "InferParameter": (
        "bool_param bool|",
        "int64_param int64|",
        "string_param string|",
        "double_param double|",
        "uint64_param uint64|",
    ),
    "InferTensorContents": (
        "bool_contents bool*",
        "int_contents int32*",
        "int64_contents int64*",
        "uint_contents uint32*",
        "uint64_contents uint64*",
        "fp32_contents float*",
        "fp64_contents double*",
        "bytes_contents bytes*",
    ),
    "ModelInferRequest": (
        "model_name string",
        "model_version string",
        "id string",
        "parameters InferParameter{}",
        "inputs ModelInferRequest.InferInputTensor*",
        "outputs ModelInferRequest.InferRequestedOutputTensor*",
        "raw_input_contents bytes*",
    ),
    "ModelInferRequest.InferInputTensor": (
        "name string",
        "datatype string",
        "shape int64*",
        "parameters InferParameter{}",
        "contents InferTensorContents",
    ),
    "ModelInferRequest.InferRequestedOutputTensor": ("name string", "parameters InferParameter{}"),
    "ModelInferResponse": (
        "model_name string",
        "model_version string",
        "id string",
        "parameters InferParameter{}",
        "outputs ModelInferResponse.InferOutputTensor*",
        "raw_output_contents bytes*",
    ),
    "ModelInferResponse.InferOutputTensor": (
        "name string",
        "datatype string",
        "shape int64*",
        "parameters InferParameter{}",
        "contents InferTensorContents",
    ),
}
_Field = descriptor_pb2.FieldDescriptorProto


def build() -> dict[str, Any]:
    """Return the message classes by name."""
    file = descriptor_pb2.FileDescriptorProto(name="open_inference_grpc.proto", package=PACKAGE, syntax="proto3")
    made: dict[str, Any] = {}
    for name, fields in TABLE.items():
        outer, _, inner = name.rpartition(".")
        made[name] = (made[outer].nested_type if outer else file.message_type).add(name=inner)
        _fill(made[name], f".{PACKAGE}.{name}", fields)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}")) for name in TABLE}


def _fill(message: Any, full: str, fields: Iterable[str]) -> None:
    for number, (name, kind, mark) in enumerate(map(_split, fields), 1):
        field = message.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
        _type(field, kind)
        if mark == "{}":
            entry = "".join(part.capitalize() for part in name.split("_")) + "Entry"
            nested = message.nested_type.add(name=entry)
            nested.options.map_entry = True
            _fill(nested, f"{full}.{entry}", ("key string", f"value {kind}"))
            field.type, field.type_name = _Field.TYPE_MESSAGE, f"{full}.{entry}"
        if mark in ("*", "{}"):
            field.label = _Field.LABEL_REPEATED
        if mark == "|":
            if not message.oneof_decl:
                message.oneof_decl.add(name="parameter_choice")
            field.oneof_index = 0


def _split(field: str) -> tuple[str, str, str]:
    name, kind = field.split(" ")
    mark = next((mark for mark in ("*", "{}", "|") if kind.endswith(mark)), "")
    return name, kind.removesuffix(mark), mark


def _type(field: Any, kind: str) -> None:
    if kind[0].isupper():
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(_Field, f"TYPE_{kind.upper()}")


def strangers(message: Any) -> bool:
    """Say whether a message, or one inside it, has fields that this protocol does not know."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    return bool(len(UnknownFieldSet(message))) or any(map(strangers, _inner(message)))


def _inner(message: Any) -> Iterator[Any]:
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            yield from value.values()
        elif hasattr(value, "DESCRIPTOR"):
            yield value
        else:
            yield from value
