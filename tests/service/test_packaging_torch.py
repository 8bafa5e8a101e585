"""A PyTorch module is kept as an exported program and packaged as ONNX with a free number of rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from headgate.base.errors import BadInput
from headgate.policy.model import PackagePolicy
from headgate.testing.bundles import open_here, some_material, some_rows
from headgate.training import native
from headgate.training.package import package

TRAIN, HELDOUT = some_rows(200, seed=1, strings=()), some_rows(100, seed=2, strings=())


def network(last: Any, outputs: int) -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, outputs), last)


@pytest.mark.parametrize(
    ("task", "model"),
    [
        ("binary", network(torch.nn.Sigmoid(), 1)),
        ("multiclass", network(torch.nn.Softmax(dim=1), 3)),
        ("regression", network(torch.nn.Identity(), 1)),
    ],
    ids=["binary", "multiclass", "regression"],
)
def test_a_network_read_back_and_packaged_answers_the_same(task: str, model: torch.nn.Module, tmp_path: Path) -> None:
    native.save(model, tmp_path / "native", PackagePolicy())
    again = native.load(tmp_path / "native")
    expected = native.predict(model, task, pd.DataFrame(HELDOUT))
    np.testing.assert_array_equal(native.predict(again, task, pd.DataFrame(HELDOUT)), expected)
    folder = package(again, some_material(task, TRAIN, HELDOUT), tmp_path / "bundle", open_here)
    bundle = open_here(folder)
    assert bundle.manifest.runtime == "onnx", bundle.manifest.why
    assert json.loads((folder / "parity.json").read_text())["share"] == 1
    first = bundle.manifest.signature.outputs[0].name
    for rows in (1, 7, 100):
        part = {name: column[:rows] for name, column in HELDOUT.items()}
        np.testing.assert_allclose(bundle.predict(part)[first], expected[:rows], atol=1e-5)
    if task == "multiclass":
        assert bundle.manifest.classes == ("0", "1", "2")


def test_a_network_without_sigmoid_is_refused_with_the_way_out(tmp_path: Path) -> None:
    model = network(torch.nn.Identity(), 1)
    with pytest.raises(BadInput, match="no probabilities") as caught:
        package(model, some_material("binary", TRAIN, HELDOUT), tmp_path / "bundle", open_here)
    assert "sigmoid" in caught.value.way_out


def test_a_network_that_does_not_say_its_width_is_refused(tmp_path: Path) -> None:
    class Mean(torch.nn.Module):
        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            return rows.mean(dim=1)

    with pytest.raises(BadInput, match="how many features") as caught:
        native.save(Mean(), tmp_path / "native", PackagePolicy())
    assert "module.features" in caught.value.way_out
