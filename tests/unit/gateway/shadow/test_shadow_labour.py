"""What a shadow's process does with rows: one call, each request's own status, and an end when it has no memory."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from headgate.base.errors import BadInput, Ended, HeadgateError, Unavailable
from headgate.features.ensemble import of_member
from headgate.features.predictor import Predictor
from headgate.gateway.shadow.labour import Gone, answer, lacks_memory
from headgate.gateway.shadow.messages import Run
from headgate.registry.bundle import Manifest
from headgate.registry.field import Field
from headgate.registry.signature import Columns, Signature
from headgate.registry.wire import pack, unpack

X = Field("x", "float32")
BAD: dict[float, Exception] = {
    1: BadInput("not this row"),
    2: ValueError("a fault"),
    3: Unavailable("the server does not answer"),
    6: Ended("the model's process crashed; it is being started again"),
    4: MemoryError(),
    5: RuntimeError("std::bad_alloc"),
}


class Model:
    def __init__(self) -> None:
        self.calls: list[list[float]] = []

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        self.calls.append(features["x"].tolist())
        for value in features["x"].tolist():
            if value in BAD:
                raise BAD[value]
        return {"p": features["x"] * 2}

    def close(self) -> None:
        """Do nothing."""


def predictor(model: Model, runtime: Any = "onnx", features: Any = None) -> Predictor:
    signature = Signature((X,), (X,), (Field("p", "float32"),))
    return Predictor(Manifest("m", "regression", runtime, "", signature, (), 1, {}), model, features)


def asked(values: list[float], rows: list[int] | None = None) -> Run:
    return Run(rows, pack({"x": np.array(values, np.float32)}))


def clock() -> float:
    return 0.0


def test_all_rows_are_answered_in_one_call() -> None:
    model = Model()
    done = answer(predictor(model), asked([7, 8, 9], [1, 2]), clock)
    assert done.statuses == []
    assert unpack(done.columns)["p"].tolist() == [14, 16, 18]
    assert model.calls == [[7, 8, 9]]


def test_a_bad_row_costs_its_own_request_alone() -> None:
    done = answer(predictor(Model()), asked([7, 1, 8, 2, 9], [1, 2, 1, 1]), clock)
    assert done.statuses == [200, 400, 500, 200]
    assert unpack(done.columns)["p"].tolist() == [14, 18]
    alone = answer(predictor(Model()), asked([1]), clock)
    assert (alone.statuses, alone.columns) == ([400], {})
    none = answer(predictor(Model()), asked([1, 2]), clock)
    assert (none.statuses, none.columns) == ([400, 500], {})


def test_a_server_that_is_away_is_a_status_a_process_that_is_gone_an_end() -> None:
    assert answer(predictor(Model(), "remote"), asked([3]), clock).statuses == [503]
    with pytest.raises(Gone, match=r"^the model's process crashed$"):
        answer(predictor(Model(), "pyfunc"), asked([7, 6]), clock)


def test_a_member_whose_process_is_gone_is_an_end_too() -> None:
    class Member(Model):
        def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
            try:
                return super().run(features)
            except HeadgateError as error:
                raise of_member("trees", error) from error

    with pytest.raises(Gone, match=r"^member trees: the model's process crashed$"):
        answer(predictor(Member(), "ensemble"), asked([7, 6]), clock)
    assert answer(predictor(Member(), "ensemble"), asked([3]), clock).statuses == [503]


@pytest.mark.parametrize("value", [4, 5])
def test_without_memory_it_ends_whoever_noticed(value: float) -> None:
    with pytest.raises(MemoryError):
        answer(predictor(Model()), asked([7, value]), clock)

    def features(columns: Columns) -> Columns:
        raise MemoryError(len(columns))

    with pytest.raises(MemoryError):  # the predictor calls it a bad row
        answer(predictor(Model(), features=features), asked([7]), clock)
    assert not lacks_memory(BadInput("no"))


def test_features_that_change_the_columns_they_get_fail_as_they_do_for_a_client() -> None:
    def features(columns: Columns) -> Columns:
        columns["x"][0] = 100
        return columns

    done = answer(predictor(Model(), features=features), asked([7, 8]), clock)
    assert "p" not in unpack(done.columns)
    assert done.statuses == [400, 400]
