"""The model runtime's contract over ONNX Runtime, pyfunc in this process and in one of its own, and ensembles."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder

from headgate.adapters.ensemble.runtime import EnsembleRuntime
from headgate.adapters.onnxruntime.runtime import OnnxRuntime
from headgate.adapters.pyfunc.runtime import PyfuncRuntime
from headgate.base.elsewhere import spent
from headgate.policy.model import PackagePolicy
from headgate.registry.bundle import Manifest, list_files, open_bundle, seal, write_dag
from headgate.registry.dag import MEMBERS, Dag, Member
from headgate.registry.ports import ModelRuntime
from headgate.testing.bundles import InProcessPyfunc, open_here
from headgate.testing.model_runtime import CONTRACT, CONTRACT_FEATURES, ModelRuntimeContract, some_features
from headgate.testing.serving import pyfunc_bundle as sealed_pyfunc
from headgate.training import pyfunc
from headgate.training.convert import Wanted, convert


def a_manifest(runtime: Any) -> Manifest:
    return Manifest("m", "regression", runtime, "", CONTRACT, (), 1, {})


class Through(LinearRegression):  # type: ignore[misc]  # scikit-learn ships no types
    """A linear model that hands a missing number on instead of refusing it."""

    def predict(self, rows: Any) -> Any:
        return rows @ self.coef_ + self.intercept_


def fitted() -> Pipeline:
    """Fit a + 1 + 10 * (k == "ten") exactly."""
    kinds = OneHotEncoder(categories=[["ten"]], handle_unknown="ignore", sparse_output=False)
    columns = ColumnTransformer([("k", kinds, ["k"]), ("a", "passthrough", ["a"])])
    frame = pd.DataFrame(some_features([0, 1, 2, 3], ["ten", "x", "x", "ten"]))
    return make_pipeline(columns, Through()).fit(frame, frame["a"] + 1 + 10 * (frame["k"] == "ten"))


@pytest.fixture(scope="module")
def onnx_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = fitted()
    twin = make_pipeline(model[0], LinearRegression())
    twin.steps[1][1].__dict__.update(model[1].__dict__)
    path = tmp_path_factory.mktemp("onnx") / "model.onnx"
    path.write_bytes(convert(twin, Wanted("regression", CONTRACT_FEATURES, ())).SerializeToString())
    return path


@pytest.fixture(scope="module")
def pyfunc_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pyfunc")
    pyfunc.write(fitted(), folder / pyfunc.FOLDER, "regression", (), PackagePolicy(allow_pickle=True))
    seal(folder, a_manifest("pyfunc"))
    return folder


@pytest.fixture(scope="module")
def pyfunc_process(pyfunc_bundle: Path) -> Iterator[ModelRuntime]:
    runtime = PyfuncRuntime(pyfunc_bundle, a_manifest("pyfunc"))
    yield runtime
    runtime.close()


class TestOnnxRuntime(ModelRuntimeContract):
    @pytest.fixture
    def runtime(self, onnx_file: Path) -> Iterator[ModelRuntime]:
        runtime = OnnxRuntime(onnx_file, a_manifest("onnx"))
        yield runtime
        runtime.close()


class TestEnsemble(ModelRuntimeContract):
    @pytest.fixture
    def runtime(self, onnx_file: Path, tmp_path: Path) -> Iterator[ModelRuntime]:
        members = {}
        for name in ("one", "two"):
            folder = tmp_path / MEMBERS / name
            folder.mkdir(parents=True)
            shutil.copyfile(onnx_file, folder / "model.onnx")
            manifest = Manifest("m", "regression", "onnx", name, CONTRACT, (), 1, list_files(folder))
            members[name] = Member("m", "1", seal(folder, manifest), {"a": "a", "k": "k"})
        write_dag(Dag(members, {"one": 1.0, "two": 3.0}), tmp_path)
        runtime = EnsembleRuntime(tmp_path, a_manifest("ensemble"), open_here)
        yield runtime
        runtime.close()


class TestPyfuncHere(ModelRuntimeContract):
    @pytest.fixture
    def runtime(self, pyfunc_bundle: Path) -> ModelRuntime:
        return InProcessPyfunc(pyfunc_bundle, a_manifest("pyfunc"))


class TestPyfuncProcess(ModelRuntimeContract):
    @pytest.fixture
    def runtime(self, pyfunc_process: ModelRuntime) -> ModelRuntime:
        return pyfunc_process

    def test_what_its_process_works_counts_for_who_waits(self, runtime: ModelRuntime) -> None:
        before = spent()
        runtime.run(some_features([1], ["x"]))
        assert before < spent() < before + 10

    def test_closing_twice_does_nothing(self, pyfunc_bundle: Path) -> None:  # type: ignore[override]
        own = PyfuncRuntime(pyfunc_bundle, a_manifest("pyfunc"))  # the others share one, which must stay open
        process = own._host
        assert process is not None
        own.close()
        own.close()
        assert own._host is None

    def test_the_model_s_own_code_leaves_the_sealed_bundle_as_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        code = "class Model:\n    def predict(self, frame):\n        return frame\n\n"
        code += "def _load_pyfunc(path):\n    return Model()\n"
        digest = sealed_pyfunc(tmp_path, "m", code, None)
        monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)  # most people have not set it
        own = PyfuncRuntime(tmp_path, open_bundle(tmp_path))
        own.close()
        assert open_bundle(tmp_path, digest).digest == digest
