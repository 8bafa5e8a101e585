"""The Open Inference Protocol over gRPC, as NVIDIA's `tritonclient.grpc` speaks it."""

import asyncio
from collections.abc import Iterator
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import pytest
import tritonclient.grpc as triton
import tritonclient.grpc.aio as triton_aio
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import InferenceServerException

from headgate.gateway.grpc.messages import TABLE, build
from headgate.testing.running import Server
from headgate.testing.waiting import LONGEST

ONE, TWO = np.arange(16, dtype=np.int32).reshape(1, 16), np.full((1, 16), 3, np.int32)


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Any]:
    one = triton.InferenceServerClient(server.grpc_address)
    yield one
    one.close()


@pytest.fixture(scope="module")
def stub(server: Server) -> Iterator[Any]:
    with grpc.insecure_channel(server.grpc_address) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def given(name: str, values: npt.NDArray[Any], datatype: str) -> Any:
    one = triton.InferInput(name, list(values.shape), datatype)
    one.set_data_from_numpy(values)
    return one


def pair(first: npt.NDArray[Any], second: npt.NDArray[Any], datatype: str = "INT32") -> list[Any]:
    return [given("INPUT0", first, datatype), given("INPUT1", second, datatype)]


def shape_of(message: Any) -> list[tuple[Any, ...]]:
    fields = [
        (
            one.number,
            one.name,
            one.type,
            one.label,
            one.message_type and one.message_type.name,
            bool(one.containing_oneof),
        )
        for one in message.fields
    ]
    return sorted(fields) + [nested for one in message.nested_types_by_name.values() for nested in shape_of(one)]


@pytest.mark.filterwarnings("ignore:label")
@pytest.mark.parametrize("name", [name for name in TABLE if "." not in name])
def test_every_message_is_the_clients_own(name: str) -> None:
    mine, theirs = build()[name].DESCRIPTOR, service_pb2.DESCRIPTOR.message_types_by_name[name]
    assert sorted(shape_of(mine), key=repr) == sorted(shape_of(theirs), key=repr)


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("simple", "1")
    assert client.get_server_metadata().name == "headgate"
    about = client.get_model_metadata("simple_string")
    assert [(one.name, one.datatype, list(one.shape)) for one in about.inputs] == [
        ("INPUT0", "BYTES", [-1, 16]),
        ("INPUT1", "BYTES", [-1, 16]),
    ]
    assert list(about.versions) == ["1"]


def test_simple_as_in_tritons_examples(client: Any) -> None:
    wanted = [triton.InferRequestedOutput("OUTPUT0"), triton.InferRequestedOutput("OUTPUT1")]
    answer = client.infer("simple", pair(ONE, TWO), outputs=wanted, request_id="r-1", headers={"test": "1"})
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), ONE + TWO)
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), ONE - TWO)
    assert answer.get_response().id == "r-1"
    assert (answer.get_response().model_name, answer.get_response().model_version) == ("simple", "1")


def test_simple_string_as_in_tritons_examples(client: Any) -> None:
    first, second = (
        np.array([str(value) for value in row.reshape(-1)], np.object_).reshape(1, 16) for row in (ONE, TWO)
    )
    answer = client.infer("simple_string", pair(first, second, "BYTES"))
    assert [int(value) for value in answer.as_numpy("OUTPUT0").reshape(-1)] == (ONE + TWO).reshape(-1).tolist()


def test_many_rows_and_missing_numbers(client: Any) -> None:
    age = np.array([1.5, np.nan, 3.0] * 100)
    plan = np.array(["größer", "✈", ""] * 100, np.object_)
    answer = client.infer("frame", [given("age", age, "FP64"), given("plan", plan, "BYTES")])
    np.testing.assert_array_equal(answer.as_numpy("score"), (age * 2).astype(np.float32))
    assert [value.decode() for value in answer.as_numpy("label")] == plan.tolist()


def test_typed_contents_as_grpcurl_sends_them(stub: Any) -> None:
    request = service_pb2.ModelInferRequest(model_name="frame")
    age = request.inputs.add(name="age", datatype="FP64", shape=[2])
    age.contents.fp64_contents.extend([1.0, 4.0])
    plan = request.inputs.add(name="plan", datatype="BYTES", shape=[2, 1])
    plan.contents.bytes_contents.extend([b"a", b"b"])
    answer, call = stub.ModelInfer.with_call(request)
    assert np.frombuffer(answer.raw_output_contents[0], np.float32).tolist() == [2.0, 8.0]
    named = dict(call.trailing_metadata())
    assert (named["headgate-version"], named["headgate-arm"]) == ("1", "champion")
    assert len(named["headgate-prediction-id"]) == 36


def test_the_asyncio_client(server: Server) -> None:
    async def run() -> npt.NDArray[Any]:
        async with triton_aio.InferenceServerClient(server.grpc_address) as client:
            answers = await asyncio.gather(*(client.infer("simple", pair(ONE * n, TWO)) for n in range(50)))
            return np.concatenate([answer.as_numpy("OUTPUT0") for answer in answers])

    np.testing.assert_array_equal(asyncio.run(run()), np.concatenate([ONE * n + TWO for n in range(50)]))


@pytest.mark.parametrize(
    ("model", "inputs", "options", "code", "words"),
    [
        ("nothing", pair(ONE, TWO), {}, "NOT_FOUND", "'nothing' is not served"),
        ("simple", pair(ONE, TWO), {"model_version": "9"}, "NOT_FOUND", "version '9'"),
        ("simple", pair(ONE, TWO)[:1], {}, "INVALID_ARGUMENT", "missing: input 'INPUT1'"),
        ("simple", pair(ONE[:, :8], TWO[:, :8]), {}, "INVALID_ARGUMENT", "has shape [1, 8]"),
        ("simple", pair(ONE, TWO), {"priority": 3}, "INVALID_ARGUMENT", "'priority', which is not supported"),
        ("simple", pair(ONE, TWO), {"outputs": [triton.InferRequestedOutput("O")]}, "INVALID_ARGUMENT", "output 'O'"),
    ],
)
def test_errors_have_a_code_and_words(
    client: Any, model: str, inputs: Any, options: Any, code: str, words: str
) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, inputs, **options)
    assert caught.value.status() == f"StatusCode.{code}"
    assert words in caught.value.message()


def test_what_is_malformed_is_refused(stub: Any) -> None:
    def ask(change: Any) -> str:
        request = service_pb2.ModelInferRequest(model_name="simple")
        for name in ("INPUT0", "INPUT1"):
            request.inputs.add(name=name, datatype="INT32", shape=[1, 16])
            request.raw_input_contents.append(bytes(64))
        change(request)
        with pytest.raises(grpc.RpcError) as caught:
            stub.ModelInfer(request)
        error: Any = caught.value
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
        return str(error.details())

    assert "1 raw_input_contents for 2" in ask(lambda request: request.raw_input_contents.pop())
    assert "60 bytes of data, expected 64" in ask(lambda request: request.raw_input_contents.__setitem__(0, bytes(60)))
    assert "contents beside" in ask(lambda request: request.inputs[0].contents.int_contents.append(1))
    assert "fields that this server does not know" in ask(lambda request: request.MergeFromString(b"\xfa\x7f\x01a"))
    inside = b"\n\x06INPUT0\x12\x05INT32\x1a\x02\x01\x10\xfa\x7f\x01a"
    assert "does not know" in ask(lambda request: request.inputs[0].ParseFromString(inside))


def test_a_call_with_a_deadline_is_answered_within_it(stub: Any) -> None:
    request = service_pb2.ModelInferRequest(model_name="vector", raw_input_contents=[bytes(8)])
    request.inputs.add(name="x", datatype="FP32", shape=[1, 2])
    assert stub.ModelInfer(request, timeout=LONGEST).raw_output_contents == [bytes(8)]
    with pytest.raises(grpc.RpcError) as caught:
        stub.ModelInfer(request, metadata=[("headgate-timeout-ms", "soon")])
    error: Any = caught.value
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_a_verb_that_is_not_supported_says_so(client: Any) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.load_model("simple")
    assert caught.value.status() == "StatusCode.UNIMPLEMENTED"
