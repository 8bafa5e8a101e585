"""The Open Inference Protocol over REST, as NVIDIA's `tritonclient.http` speaks it: JSON and the binary extension."""

import asyncio
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from tritonclient.utils import InferenceServerException

from headgate.testing.running import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
ONE, TWO = np.arange(16, dtype=np.int32).reshape(1, 16), np.full((1, 16), 3, np.int32)
BINARY = pytest.mark.parametrize("binary", [True, False], ids=["binary", "json"])


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[Any]:
    one = triton.InferenceServerClient(server.address)
    yield one
    one.close()


def given(name: str, values: npt.NDArray[Any], datatype: str, *, binary: bool) -> Any:
    one = triton.InferInput(name, list(values.shape), datatype)
    one.set_data_from_numpy(values, binary_data=binary)
    return one


def pair(first: npt.NDArray[Any], second: npt.NDArray[Any], datatype: str, *, binary: bool) -> list[Any]:
    return [given("INPUT0", first, datatype, binary=binary), given("INPUT1", second, datatype, binary=binary)]


def test_health_and_metadata(client: Any) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready("simple")
    assert client.is_model_ready("simple", "1")
    assert not client.is_model_ready("nothing")
    assert client.get_server_metadata()["name"] == "headgate"
    about = client.get_model_metadata("simple_string", "1")
    assert about["inputs"][0] == {"name": "INPUT0", "datatype": "BYTES", "shape": [-1, 16]}
    assert [one["name"] for one in client.get_model_repository_index()] == [
        "frame",
        "simple",
        "simple_string",
        "vector",
    ]


@BINARY
def test_simple_as_in_tritons_examples(client: Any, *, binary: bool) -> None:
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("OUTPUT0", "OUTPUT1")]
    answer = client.infer("simple", pair(ONE, TWO, "INT32", binary=binary), outputs=wanted, request_id="r-1")
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT0"), ONE + TWO)
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), ONE - TWO)
    assert answer.get_response()["id"] == "r-1"
    assert ("binary_data_size" in str(answer.get_output("OUTPUT0"))) is binary


def test_outputs_that_nobody_names_come_as_the_client_asks(client: Any) -> None:
    answer = client.infer("simple", pair(ONE, TWO, "INT32", binary=True))
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), ONE - TWO)


def test_several_rows_mixed_forms_and_a_subset_of_outputs(client: Any) -> None:
    first, second = np.repeat(ONE, 5, axis=0), np.repeat(TWO, 5, axis=0)
    inputs = [given("INPUT0", first, "INT32", binary=True), given("INPUT1", second, "INT32", binary=False)]
    wanted = [triton.InferRequestedOutput("OUTPUT1", binary_data=True)]
    answer = client.infer("simple", inputs, outputs=wanted)
    np.testing.assert_array_equal(answer.as_numpy("OUTPUT1"), first - second)
    assert answer.as_numpy("OUTPUT0") is None


@BINARY
def test_simple_string_as_in_tritons_examples(client: Any, *, binary: bool) -> None:
    first, second = (
        np.array([str(value) for value in row.reshape(-1)], np.object_).reshape(1, 16) for row in (ONE, TWO)
    )
    wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("OUTPUT0", "OUTPUT1")]
    answer = client.infer("simple_string", pair(first, second, "BYTES", binary=binary), outputs=wanted)
    numbers = [int(value) for value in answer.as_numpy("OUTPUT0").reshape(-1)]
    assert numbers == (ONE + TWO).reshape(-1).tolist()
    assert [int(value) for value in answer.as_numpy("OUTPUT1").reshape(-1)] == (ONE - TWO).reshape(-1).tolist()


@BINARY
def test_columns_with_text_beyond_ascii_and_missing_numbers(client: Any, *, binary: bool) -> None:
    age = np.array([1.5, np.nan] if binary else [1.5, 2.5])
    plan = np.array(["größer ✈", ""], np.object_)
    inputs = [given("age", age, "FP64", binary=binary), given("plan", plan, "BYTES", binary=binary)]
    answer = client.infer("frame", inputs)
    np.testing.assert_array_equal(answer.as_numpy("score"), (age * 2).astype(np.float32))
    assert [value.decode() for value in answer.as_numpy("label")] == ["größer ✈", ""]


def test_several_at_once(client: Any) -> None:
    waiting = [client.async_infer("simple", pair(ONE * n, TWO, "INT32", binary=True)) for n in range(4)]
    for n, one in enumerate(waiting):
        np.testing.assert_array_equal(one.get_result().as_numpy("OUTPUT0"), ONE * n + TWO)


def test_the_asyncio_client(server: Server) -> None:
    async def run() -> npt.NDArray[Any]:
        async with triton_aio.InferenceServerClient(server.address) as client:
            assert await client.is_server_ready()
            answers = await asyncio.gather(
                *(client.infer("simple", pair(ONE * n, TWO, "INT32", binary=True)) for n in range(20))
            )
            return np.concatenate([answer.as_numpy("OUTPUT0") for answer in answers])

    np.testing.assert_array_equal(asyncio.run(run()), np.concatenate([ONE * n + TWO for n in range(20)]))


@pytest.mark.parametrize(
    ("model", "inputs", "options", "words"),
    [
        ("nothing", pair(ONE, TWO, "INT32", binary=True), {}, "'nothing' is not served"),
        ("simple", pair(ONE, TWO, "INT32", binary=True), {"model_version": "9"}, "version '9'"),
        ("simple", pair(ONE, TWO, "INT32", binary=True)[:1], {}, "missing: input 'INPUT1'"),
        ("simple", [given("INPUT0", ONE.astype(np.int64), "INT64", binary=True)], {}, "is INT64, expected INT32"),
        ("simple", pair(ONE[:, :8], TWO[:, :8], "INT32", binary=True), {}, "has shape [1, 8]"),
        ("simple", pair(ONE, TWO, "INT32", binary=True), {"priority": 3}, "'priority', which is not supported"),
        ("simple", pair(ONE, TWO, "INT32", binary=True), {"sequence_id": 3}, "not supported"),
        ("simple", pair(ONE, TWO, "INT32", binary=True), {"outputs": [triton.InferRequestedOutput("O")]}, "output 'O'"),
        (
            "simple",
            pair(ONE, TWO, "INT32", binary=True),
            {"outputs": [triton.InferRequestedOutput("OUTPUT0", class_count=2)]},
            "'classification', which is not supported",
        ),
    ],
)
def test_errors_reach_the_client_in_words(client: Any, model: str, inputs: Any, options: Any, words: str) -> None:
    with pytest.raises(InferenceServerException) as caught:
        client.infer(model, inputs, **options)
    assert words in caught.value.message()


def test_compression_is_refused_and_not_misread(client: Any) -> None:
    with pytest.raises(InferenceServerException, match="compressed bodies are not supported"):
        client.infer("simple", pair(ONE, TWO, "INT32", binary=True), request_compression_algorithm="gzip")
