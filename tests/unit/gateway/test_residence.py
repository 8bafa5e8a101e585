"""Models share a budget of memory: the least recently used makes room, but never while it answers."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.base.errors import Unavailable
from headgate.gateway.residence import Lodger, Residence
from headgate.registry.bundle import Manifest, list_files, seal
from headgate.registry.field import Columns, Field
from headgate.registry.signature import Signature

ROW = {"x": np.zeros(1, np.float32)}


class Model:
    """A runtime that knows its name and whether it is open."""

    opened: list[str]

    def __init__(self, name: str, log: list[str], wait: threading.Event | None = None) -> None:
        self.name, self.log, self.wait, self.closed = name, log, wait, False
        log.append(f"open {name}")

    def run(self, features: Columns) -> dict[str, npt.NDArray[Any]]:
        assert not self.closed
        if self.wait is not None:
            self.wait.wait(10)
        return {"prediction": features["x"]}

    def close(self) -> None:
        self.closed = True
        self.log.append(f"close {self.name}")


def a_manifest(folder: Path, name: str) -> Manifest:
    folder.mkdir(exist_ok=True)
    (folder / "model").write_bytes(b"x" * 1000)
    fields = (Field("x", "float32"),)
    manifest = Manifest(name, "regression", "onnx", "", Signature(fields, fields, fields), (), 1, list_files(folder))
    seal(folder, manifest)
    return manifest


def a_house(tmp_path: Path, room: float, names: str, wait: threading.Event | None = None) -> Any:
    log: list[str] = []
    manifests = {name: a_manifest(tmp_path / name, name) for name in names}
    size = sum(path.stat().st_size for path in (tmp_path / names[0]).iterdir())
    home = Residence(int(size * room), lambda folder, _: Model(folder.name, log, wait))
    return home, {name: home(tmp_path / name, manifest) for name, manifest in manifests.items()}, log, size


def test_the_least_recently_used_makes_room_and_comes_back_when_asked(tmp_path: Path) -> None:
    _, models, log, _ = a_house(tmp_path, 2.1, "abc")
    assert log == ["open a", "open b", "close a", "open c"]
    models["b"].run(ROW)
    models["a"].run(ROW)
    assert log[4:] == ["close c", "open a"]


@given(st.lists(st.sampled_from("abcd"), max_size=30))
def test_open_models_never_take_more_than_the_budget(
    tmp_path_factory: pytest.TempPathFactory, asked: list[str]
) -> None:
    home, models, log, size = a_house(tmp_path_factory.mktemp("home"), 2.5, "abcd")
    for name in asked:
        assert models[name].run(ROW)["prediction"].shape == (1,)
        opened = [one for one in models.values() if one.inner is not None]
        assert home.taken == size * len(opened) <= 2.5 * size
    assert sum(line.startswith("open") for line in log) - sum(line.startswith("close") for line in log) == len(
        [one for one in models.values() if one.inner is not None]
    )


def test_one_that_is_larger_than_the_budget_is_opened_alone(tmp_path: Path) -> None:
    home, models, _, size = a_house(tmp_path, 0.5, "ab")
    models["a"].run(ROW)
    assert home.taken == size


def test_a_model_that_answers_is_not_closed_and_one_opening_serves_all_who_wait(tmp_path: Path) -> None:
    go = threading.Event()
    home, models, log, size = a_house(tmp_path, 1.1, "ab", go)
    a: Lodger = models["a"]
    threads = [threading.Thread(target=a.run, args=(ROW,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    waited = threading.Event()
    while a.users < 4:
        waited.wait(0.001)
    other = threading.Thread(target=models["b"].run, args=(ROW,))
    other.start()
    while models["b"].users < 1:
        waited.wait(0.001)
    assert home.taken == 2 * size
    go.set()
    for thread in (*threads, other):
        thread.join()
    assert log[:6] == ["open a", "close a", "open b", "close b", "open a", "open b"]
    assert len(log) == 7
    assert home.taken == size


def test_a_bundle_that_was_changed_meanwhile_is_not_opened_again(tmp_path: Path) -> None:
    _, models, _, _ = a_house(tmp_path, 1.1, "ab")
    (tmp_path / "a" / "model").write_bytes(b"y" * 1000)
    with pytest.raises(Unavailable, match="cannot be opened again: changed since it was sealed: model"):
        models["a"].run(ROW)


def test_closing_twice_does_nothing(tmp_path: Path) -> None:
    home, models, log, _ = a_house(tmp_path, 9, "a")
    models["a"].close()
    models["a"].close()
    assert (log, home.taken) == (["open a", "close a"], 0)
