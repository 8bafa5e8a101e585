"""What travels between a worker and a pyfunc process arrives as it was sent; what the model says becomes outputs."""

import socket
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.adapters.pyfunc.frames import Closed, Message, receive, send
from headgate.adapters.pyfunc.outputs import as_outputs
from headgate.base.errors import BadInput
from headgate.registry.field import Field
from headgate.registry.wire import pack, unpack

numbers = st.lists(st.floats(width=32), min_size=1, max_size=20)
texts = st.lists(st.none() | st.text(), min_size=1, max_size=20)


@given(numbers, texts, st.integers(1, 4))
def test_frames_arrive_as_they_were_sent(values: list[float], words: list[str | None], width: int) -> None:
    strings = np.empty(len(words), object)
    strings[:] = words
    columns = {
        "float": np.array(values, np.float32),
        "wide": np.array([values] * width, np.float32).T,
        "text": strings,
        "flag": np.array([True, False]),
    }
    ours, theirs = socket.socketpair()
    with ours, theirs:
        send(ours, Message("run", "why", pack(columns)))
        got = receive(theirs)
    assert (got.kind, got.why) == ("run", "why")
    for name, column in unpack(got.columns).items():
        assert column.dtype == columns[name].dtype
        assert column.shape == columns[name].shape
        assert repr(column.tolist()) == repr(columns[name].tolist())


def test_a_cut_frame_is_the_end_of_the_other_side() -> None:
    for sent in (b"", b"\0\0", b"\0\0\0\x09abc"):
        ours, theirs = socket.socketpair()
        with theirs:
            with ours:
                ours.sendall(sent)
            with pytest.raises(Closed):
                receive(theirs)


PROBABILITY = (Field("probability", "float32"),)
CLASSES = (Field("probabilities", "float32", width=3), Field("label", "string"))
THREE = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]])


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (np.array([0.25, 0.5]), [0.25, 0.5]),
        (np.array([[0.25], [0.5]]), [0.25, 0.5]),
        (np.array([[0.75, 0.25], [0.5, 0.5]]), [0.25, 0.5]),
        ([0.25, 0.5], [0.25, 0.5]),
        (pd.DataFrame({"other": [1, 2], "probability": [0.25, 0.5]}), [0.25, 0.5]),
        ({"probability": [0.25, 0.5]}, [0.25, 0.5]),
    ],
)
def test_one_output_comes_in_many_forms(result: Any, expected: list[float]) -> None:
    outputs = as_outputs(result, PROBABILITY, ("no", "yes"), 2)
    assert outputs["probability"].dtype == np.float32
    assert outputs["probability"].tolist() == expected


@pytest.mark.parametrize(
    "result", [THREE, pd.DataFrame({"probabilities": THREE.tolist(), "label": ["b", "a"]}, index=[7, 9])]
)
def test_probabilities_come_with_their_label(result: Any) -> None:
    outputs = as_outputs(result, CLASSES, ("a", "b", "c"), 2)
    assert outputs["probabilities"].tolist() == THREE.astype(np.float32).tolist()
    assert outputs["label"].tolist() == ["b", "a"]


@pytest.mark.parametrize(
    ("result", "fields", "words"),
    [
        ({"score": [1.0, 2.0]}, PROBABILITY, "no output probability, but score"),
        ([1.0, 2.0, 3.0], PROBABILITY, r"has shape \[3\], expected \[2\]"),
        (THREE[:, :2], CLASSES, r"probabilities has shape \[2, 2\], expected \[2, 3\]"),
    ],
)
def test_outputs_that_do_not_fit_the_signature_are_named(result: Any, fields: Any, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        as_outputs(result, fields, ("a", "b", "c"), 2)
