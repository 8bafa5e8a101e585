"""Record an existing training script as a run: `with headgate.run("churn") as run:`, or `@headgate.run("churn")`.

The script fits as it always did and hands over the fitted model with its rows; the rest (code, environment, data,
metrics, packaging, version) is recorded as `headgate train` does it, and the version goes through the same gate.
"""

import functools
import inspect
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from headgate.base.digest import Json
from headgate.base.errors import BadInput
from headgate.base.ids import uuid7

if TYPE_CHECKING:
    import pandas as pd

    from headgate.registry.version import Version
    from headgate.training.ports import Bench
    from headgate.training.snapshot import Snapshot

R = TypeVar("R")
ASIDE = "HEADGATE_RECORD_ASIDE"  # `headgate reproduce` sets it: what was made goes there, and nothing is registered


class run:  # noqa: N801 - read as a word: `with headgate.run():`
    """One run of a training script.

    Args:
        model: The model's name; may be left out where the project has one.
        project: A folder with headgate.yaml, or one below it.
        params: What the script was called with; recorded.
        seed: The seed that the script used; recorded.
        actor: Who runs it; default: HEADGATE_ACTOR, else the login name.

    Attributes:
        id: The run's id.
        version: The version that it became, after the block.
    """

    def __init__(
        self,
        model: str = "",
        *,
        project: str | Path = ".",
        params: Mapping[str, bool | int | float | str] | None = None,
        seed: int = 0,
        actor: str = "",
    ) -> None:
        self._asked = (model, Path(project), actor)
        self._params = dict(params or {})
        self._metrics: dict[str, float] = {}
        self._seed = seed
        self._given: tuple[object, pd.DataFrame, pd.DataFrame] | None = None
        self.id = ""
        self.version: Version | None = None

    def __enter__(self) -> Self:
        from headgate.cli.output import actor_of, choose_model, open_project
        from headgate.training.run import Run
        from headgate.training.steps import keep_run

        name, folder, actor = self._asked
        opened = open_project(folder)
        self._bench: Bench = opened.bench(choose_model(opened, name), lambda _line: None)
        now = opened.clock.now()
        self.id = uuid7(now)
        requester = actor_of(actor or os.environ.get("HEADGATE_ACTOR", ""))
        self._run: Run = Run(self.id, self._bench.model, requester, now.isoformat())
        self._snapshots: dict[str, Snapshot] = {}
        keep_run(self._bench.runs, self._run)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        from headgate.training.steps import keep_run

        if error is not None:
            keep_run(self._bench.runs, self._run.with_failure("fit", f"{type(error).__name__}: {error}"))
            return
        self._finish()
        if self.version is not None:
            keep_run(self._bench.runs, replace(self._run, version=self.version.number))

    def __call__(self, function: Callable[..., R]) -> Callable[..., R]:
        """Decorate: every call is a run of its own; a parameter called `run` is given it."""
        model, project, actor = self._asked
        wants = "run" in inspect.signature(function).parameters

        @functools.wraps(function)
        def recorded(*args: Any, **kwargs: Any) -> R:
            with run(model, project=project, params=self._params, seed=self._seed, actor=actor) as current:
                return function(*args, **{**kwargs, "run": current} if wants else kwargs)

        return recorded

    def param(self, name: str, value: bool | float | str) -> None:  # noqa: FBT001 - a value, not a switch
        """Record a parameter."""
        self._params[name] = value

    def metric(self, name: str, value: float) -> None:
        """Record a metric of the script's own; the gate judges by the metrics that Headgate computes."""
        self._metrics[name] = float(value)

    def data(self, path: str | Path) -> None:
        """Record which data the script read: reference, digest, rows, schema, and a copy."""
        from headgate.training.snapshot import take

        place = Path(path)
        inside = place.resolve().is_relative_to(self._bench.project)
        reference = str(place.resolve().relative_to(self._bench.project)) if inside else str(place)
        self._snapshots[reference] = take(place, reference, self._bench.content)

    def model(self, fitted: object, *, train: "pd.DataFrame", heldout: "pd.DataFrame") -> None:
        """Hand over what was fitted.

        Args:
            fitted: scikit-learn, LightGBM, XGBoost or PyTorch; fitted on the features of `train`.
            train: Rows that it was fitted on, with the columns that headgate.yaml declares.
            heldout: Rows that it never saw, with the same columns; they judge it.
        """
        if fitted is None:
            raise BadInput("run.model() was given None", where=self._bench.model, way_out="hand over the fitted model")
        self._given = (fitted, train, heldout)

    def _finish(self) -> None:
        if self._given is None:
            raise BadInput(
                "the run ended without a model",
                where=f"run {self.id} of {self._bench.model}",
                way_out="call run.model(fitted, train=..., heldout=...) inside the block",
            )
        from headgate.training.recorded import Recorded, package_recorded
        from headgate.training.registration import describe, register_bundle

        fitted, train, heldout = self._given
        with tempfile.TemporaryDirectory(dir=self._bench.state) as name:
            work = Path(name)
            said = Recorded(self._params, self._seed, self._snapshots, self._script())
            folders = package_recorded(self._bench, fitted, train, heldout, said, work)
            if aside := os.environ.get(ASIDE):
                shutil.copytree(work, aside, dirs_exist_ok=True)
                return
            record = describe(self._bench, self._run, folders)
            record = replace(
                record,
                params={key: str(value) for key, value in self._params.items()},
                metrics={**{f"script.{key}": value for key, value in self._metrics.items()}, **record.metrics},
                tags={**record.tags, "headgate.source": "script"},
            )
            content = f"script:{self.id}"
            self.version = register_bundle(self._bench, record, folders["package"], self._run.requester, content)

    def _script(self) -> dict[str, Json]:
        """Return what was called: the script relative to the project, and its arguments."""
        path = Path(sys.argv[0]).resolve()
        inside = path.is_relative_to(self._bench.project)
        return {
            "path": str(path.relative_to(self._bench.project)) if inside else str(path),
            "inside": inside,
            "arguments": list(sys.argv[1:]),
        }
