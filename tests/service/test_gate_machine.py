"""Measuring in real processes: latency under load, memory of the fresh process alone, and failures with a why."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from headgate.adapters.machine import columns
from headgate.adapters.machine.measure import MachineMeasurements
from headgate.gate.facts import Memory, Unmeasured
from headgate.testing.waiting import LONGEST

OPENER = """
import time
from types import SimpleNamespace

import numpy as np

from headgate.registry.signature import Field

SIGNATURE = SimpleNamespace(inputs=(Field("x", "float64"), Field("name", "string", None, True)))
HELD = []


class Model:
    manifest = SimpleNamespace(signature=SIGNATURE)

    def __init__(self, folder):
        self.folder = folder.name
        if self.folder == "broken":
            raise ValueError("this bundle cannot be opened")
        if self.folder == "large":
            HELD.append(np.ones(25_000_000))
        if self.folder == "endless":
            time.sleep(600)

    def predict(self, inputs):
        assert inputs["x"].dtype == np.float64 and (inputs["name"][0] is None or inputs["name"][0].startswith("row"))
        if self.folder == "slow":
            time.sleep(0.02)
        return {"probability": inputs["x"]}


def open_model(folder):
    return Model(folder)
"""
INPUTS: dict[str, Any] = {
    "x": np.arange(2000.0),
    "name": np.array([None if row % 3 == 0 else f"row {row}" for row in range(2000)], dtype=object),
}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MachineMeasurements:
    (tmp_path / "measured_opener.py").write_text(OPENER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return MachineMeasurements("measured_opener:open_model", opening=LONGEST)


def test_both_versions_are_measured_and_the_slow_one_is_seen(machine: MachineMeasurements, tmp_path: Path) -> None:
    loads = machine.load({"candidate": tmp_path / "slow", "champion": tmp_path / "fast"}, INPUTS, 20, 1)
    assert not isinstance(loads, Unmeasured)
    assert loads["candidate"].offered == loads["champion"].offered == 20
    assert loads["candidate"].quantile(0) >= 20  # the slow one, and under its own name: it sleeps as long


def test_a_version_that_cannot_keep_up_is_given_up(machine: MachineMeasurements, tmp_path: Path) -> None:
    loads = machine.load({"candidate": tmp_path / "slow"}, INPUTS, 500, 1)
    assert not isinstance(loads, Unmeasured)
    assert not loads["candidate"].kept_up
    assert loads["candidate"].achieved <= 50


def test_memory_is_that_of_the_fresh_process_and_not_of_the_one_that_asks(
    machine: MachineMeasurements, tmp_path: Path
) -> None:
    """A child of a large process inherits its ru_maxrss over exec; what is reported may not."""
    ballast = np.ones(80_000_000)
    small = machine.memory(tmp_path / "small", INPUTS, (1, 256))
    large = machine.memory(tmp_path / "large", INPUTS, (1, 256))
    assert isinstance(small, Memory)
    assert isinstance(large, Memory)
    assert small.peak_mb < ballast.nbytes / 1e6
    assert large.peak_mb - small.peak_mb == pytest.approx(200, abs=30)
    assert small.before_mb <= small.peak_mb
    assert small.rows == 256


def test_a_bundle_that_cannot_be_opened_is_unmeasured_with_its_reason(
    machine: MachineMeasurements, tmp_path: Path
) -> None:
    for found in (
        machine.memory(tmp_path / "broken", INPUTS, (1,)),
        machine.load({"candidate": tmp_path / "broken"}, INPUTS, 10, 1),
    ):
        assert isinstance(found, Unmeasured)
        assert "ValueError: this bundle cannot be opened" in found.why


def test_a_process_that_never_ends_is_stopped(tmp_path: Path, machine: MachineMeasurements) -> None:
    impatient = MachineMeasurements("measured_opener:open_model", opening=2)
    found = impatient.memory(tmp_path / "endless", INPUTS, (1,))
    assert found == Unmeasured("the measured process did not end within 2 s")


def test_the_machine_is_described(machine: MachineMeasurements) -> None:
    found = machine.machine()
    assert found["cores"]
    assert found["processor"]
    assert {"load_average", "system", "python", "numpy", "onnxruntime"} <= set(found)


def test_columns_come_through_the_file_as_they_are(tmp_path: Path) -> None:
    sent: dict[str, Any] = {
        **INPUTS,
        "day": np.arange(2000).astype("datetime64[us]"),
        "flag": np.array([True, None] * 1000, dtype=object),
        "vector": np.ones((2000, 3), dtype=np.float32),
    }
    columns.save(tmp_path / "rows.npz", sent)
    got = columns.load(tmp_path / "rows.npz")
    assert set(got) == set(sent)
    for name, values in sent.items():
        assert got[name].dtype == values.dtype
        np.testing.assert_array_equal(got[name], values)


def test_a_sample_is_spread_over_all_rows() -> None:
    few = columns.sample(INPUTS, 5)
    assert few["x"].tolist() == [0, 499, 999, 1499, 1999]
    assert len(columns.sample(INPUTS, 9999)["x"]) == 2000
