"""Members are opened under their digests, asked at the same time where they wait on others, and closed together."""

from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Barrier, current_thread
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

from headgate.adapters.ensemble.runtime import EnsembleRuntime
from headgate.base.errors import BadInput, HeadgateError, Tampered, Unavailable
from headgate.features.predictor import Predictor
from headgate.registry.bundle import Manifest, write_dag
from headgate.registry.dag import Dag, Member
from headgate.registry.field import Columns, Field
from headgate.registry.signature import Signature

ROW = (Field("x", "float32"),)
SIGNATURE = Signature(ROW, ROW, (Field("prediction", "float32"),))
ENSEMBLE = Manifest("all", "regression", "ensemble", "", SIGNATURE, (), 1, {})
ROWS = {"x": np.array([1, 2, 3], np.float32)}
Runtime = Literal["onnx", "pyfunc"]


class Echo:
    """A runtime that hands its column on, after what it was told to do."""

    def __init__(self, doing: Callable[[], object]) -> None:
        self.doing = doing
        self.closed = 0

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        self.doing()
        return {"prediction": features["x"]}

    def close(self) -> None:
        self.closed += 1


class House:
    """Opens members by name, and remembers them."""

    def __init__(self, folder: Path, runtime: Runtime, **doing: Callable[[], object]) -> None:
        self.members = {name: Echo(do) for name, do in doing.items()}
        self.opened: list[tuple[str, str]] = []
        self.broken: dict[str, HeadgateError] = {}
        self._runtime = runtime
        self.folder = folder
        sources = {"last": "b.prediction"}
        members = {
            name: Member("m", "1", f"sha256:{name}", {"x": sources.get(name, "x")}) for name in sorted(self.members)
        }
        write_dag(Dag(members, dict.fromkeys(members, 1.0)), folder)

    def open(self, folder: Path, digest: str) -> Predictor:
        assert folder.parent.name == "members"
        self.opened.append((folder.name, digest))
        if error := self.broken.get(folder.name):
            raise error
        manifest = Manifest("m", "regression", self._runtime, "", SIGNATURE, (), 1, {})
        return Predictor(manifest, self.members[folder.name])

    def ensemble(self) -> EnsembleRuntime:
        return EnsembleRuntime(self.folder, ENSEMBLE, self.open)


def nothing() -> None:
    return None


def test_members_that_run_apart_are_asked_at_the_same_time(tmp_path: Path) -> None:
    together = Barrier(3)
    house = House(tmp_path, "pyfunc", **dict.fromkeys("abc", lambda: together.wait(30)))
    ensemble = house.ensemble()
    assert ensemble.apart
    assert ensemble.run(ROWS)["prediction"].tolist() == [1, 2, 3]
    ensemble.close()
    ensemble.close()
    assert [member.closed for member in house.members.values()] == [1, 1, 1]


def test_members_in_this_process_are_asked_by_the_thread_that_asks(tmp_path: Path) -> None:
    threads: list[str] = []
    note: Mapping[str, Callable[[], object]] = dict.fromkeys(
        ("a", "b", "last"), lambda: threads.append(current_thread().name)
    )
    ensemble = House(tmp_path, "onnx", **note).ensemble()
    assert not ensemble.apart
    assert ensemble.run(ROWS)["prediction"].tolist() == [1, 2, 3]
    assert threads == [current_thread().name] * 3
    ensemble.close()


def test_a_member_that_fails_apart_is_named(tmp_path: Path) -> None:
    def gone() -> None:
        raise Unavailable("crashed")

    ensemble = House(tmp_path, "pyfunc", a=nothing, b=gone, c=nothing).ensemble()
    with pytest.raises(Unavailable, match="member b: crashed"):
        ensemble.run(ROWS)
    ensemble.close()


def test_a_member_that_cannot_be_opened_is_named_and_the_others_are_closed(tmp_path: Path) -> None:
    house = House(tmp_path, "onnx", a=nothing, b=nothing)
    house.broken["b"] = Tampered("changed since it was sealed: model.onnx")
    with pytest.raises(Tampered, match="member b: changed since it was sealed"):
        house.ensemble()
    assert house.opened == [("a", "sha256:a"), ("b", "sha256:b")]
    assert [member.closed for member in house.members.values()] == [1, 0]


def test_an_ensemble_json_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    house = House(tmp_path, "onnx", a=nothing)
    (tmp_path / "ensemble.json").write_text("{}")
    with pytest.raises(BadInput, match="cannot be read"):
        house.ensemble()
