"""What a run reads, fixed when it first asks: the project's code, features.py, and a snapshot of every source."""

import tempfile
from functools import cached_property
from pathlib import Path

from headgate.base.digest import Json
from headgate.base.errors import BadInput
from headgate.base.files import make_folder
from headgate.training import stages
from headgate.training.code import Code, pack, read_code, unpack
from headgate.training.environment import environment
from headgate.training.ports import Bench
from headgate.training.snapshot import Snapshot


class Inputs:
    """The inputs of one run on its bench."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    @cached_property
    def _code(self) -> Code:
        return read_code(self.bench.project)

    @cached_property
    def _snapshots(self) -> dict[str, Snapshot]:
        return stages.take_snapshots(self.bench)

    def record(self) -> dict[str, Json]:
        """Return everything that is needed to do the run again."""
        policy = self.bench.policy
        return {
            "model": self.bench.model,
            "policy": policy.model_dump(mode="json"),
            "code": self.code().to_json(),
            "environment": environment(policy.training.threads),
            "snapshots": {name: snapshot.to_json() for name, snapshot in self.snapshots().items()},
            "seed": policy.training.seed,
            "params": dict(policy.training.params),
        }

    def code(self) -> Code:
        """Return the project's code as it was when this run first asked."""
        return self._code

    def snapshots(self) -> dict[str, Snapshot]:
        """Return the snapshots of every source, taken when this run first asked."""
        return self._snapshots

    def unpacked_code(self) -> Path:
        """Return a copy of the code that nobody edits while the run goes on."""
        target = self.bench.state / "code" / self.code().digest.removeprefix("sha256:")

        def fill(folder: Path) -> None:
            with tempfile.TemporaryDirectory() as beside:
                archive = Path(beside) / "code.tar"
                pack(self.bench.project, self.code(), archive)
                self.bench.content.put(archive)
                unpack(archive, folder)

        make_folder(target, fill)
        return target

    def features_source(self) -> str | None:
        """Return the text of features.py; None where the policy names none."""
        file = self.bench.policy.features.file
        way_out = "write it, or say `features.file: null` where the inputs are the features"
        return self.text(file, way_out) if file else None

    def text(self, file: str, way_out: str) -> str:
        """Return the text of a file of the project's code."""
        if file not in self.code().files:
            raise BadInput("there is no such file", where=file, way_out=way_out)
        return (self.unpacked_code() / file).read_text(encoding="utf-8")
