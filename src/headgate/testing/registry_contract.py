"""The contract of a registry as tests: subclass it in a test file and give the two fixtures.

class TestMine(RegistryContract):
    @pytest.fixture
    def registry(self, tmp_path: Path) -> Registry: ...   # empty, or one that other tests filled
    @pytest.fixture
    def model(self) -> str: ...                           # a model name that nobody used before
"""

from pathlib import Path

import pytest

from headgate.base.errors import BadInput
from headgate.registry.bundle import Manifest, list_files, open_bundle, seal
from headgate.registry.ports import Registry
from headgate.registry.signature import Field, Signature
from headgate.registry.version import RunRecord, Version


class RegistryContract:
    """What every registry must do."""

    @pytest.fixture
    def bundle(self, tmp_path: Path, model: str) -> Path:
        """A sealed bundle of the model."""
        return make_bundle(tmp_path / "a bundle", model, "weights")

    def test_a_model_nobody_registered_has_nothing(self, registry: Registry, model: str) -> None:
        """No versions, no alias, and no error."""
        assert registry.versions(model) == ()
        assert registry.alias(model, "champion") is None

    def test_registering_gives_a_version_that_is_read_back(
        self, registry: Registry, model: str, bundle: Path, tmp_path: Path
    ) -> None:
        """Number, digest and author come back; the artefacts too, byte for byte."""
        version = registry.register(record(model, bundle), bundle, None, "person:ada")
        assert version.number.isdigit()
        assert version.digest == open_bundle(bundle).digest
        assert (version.model, version.author) == (model, "person:ada")
        assert registry.version(model, version.number) == version
        fetched = registry.fetch(version, "bundle", tmp_path / "fetched")
        assert open_bundle(fetched, version.digest).model == model

    def test_registering_again_after_a_crash_gives_the_same_version(
        self, registry: Registry, model: str, bundle: Path
    ) -> None:
        """The record's name decides."""
        first = registry.register(record(model, bundle), bundle, None, "person:ada")
        assert registry.register(record(model, bundle), bundle, None, "person:ada") == first
        assert registry.versions(model) == (first,)

    def test_versions_come_oldest_first(self, registry: Registry, model: str, tmp_path: Path) -> None:
        """By number, not by text: 10 comes after 9."""
        made = [self._version(registry, model, tmp_path, number) for number in range(11)]
        found = registry.versions(model)
        assert found == tuple(made)
        assert [int(version.number) for version in found] == sorted(int(version.number) for version in found)

    def test_the_record_folder_is_kept(self, registry: Registry, model: str, bundle: Path, tmp_path: Path) -> None:
        """What stands beside the bundle comes back as well."""
        extra = tmp_path / "extra"
        (extra / "deep").mkdir(parents=True)
        (extra / "deep" / "rows.bin").write_bytes(b"\x00\x01")
        version = registry.register(record(model, bundle), bundle, extra, "person:ada")
        assert (registry.fetch(version, "record", tmp_path / "got") / "deep" / "rows.bin").read_bytes() == b"\x00\x01"

    def test_a_file_is_attached(self, registry: Registry, model: str, bundle: Path, tmp_path: Path) -> None:
        """A report goes where it was sent; attaching it again is no error."""
        version = registry.register(record(model, bundle), bundle, None, "person:ada")
        report = tmp_path / "verdict.md"
        report.write_text("passed")
        for _ in range(2):
            registry.attach(version, report, "reports")
        assert (registry.fetch(version, "reports", tmp_path / "got") / "verdict.md").read_text() == "passed"

    def test_an_alias_moves_and_goes_and_either_may_be_repeated(
        self, registry: Registry, model: str, tmp_path: Path
    ) -> None:
        """Setting what is set, and removing what is not there, are no errors: effects are repeated after a crash."""
        first, second = (self._version(registry, model, tmp_path, number) for number in range(2))
        for version in (first, first, second):
            registry.set_alias(model, "champion", version.number)
            assert registry.alias(model, "champion") == version.number
        registry.set_alias(model, "challenger", first.number)
        for _ in range(2):
            registry.set_alias(model, "champion", None)
            assert registry.alias(model, "champion") is None
        assert registry.alias(model, "challenger") == first.number

    def test_an_unknown_version_is_named_with_those_that_exist(
        self, registry: Registry, model: str, bundle: Path
    ) -> None:
        """The error says what could have been meant."""
        version = registry.register(record(model, bundle), bundle, None, "person:ada")
        with pytest.raises(BadInput, match=f"{model} has no version 999") as caught:
            registry.version(model, "999")
        assert version.number in caught.value.way_out

    def _version(self, registry: Registry, model: str, folder: Path, number: int) -> Version:
        bundle = make_bundle(folder / f"bundle-{number}", model, f"weights {number}")
        return registry.register(record(model, bundle, f"{model}-run-{number}"), bundle, None, "person:ada")


def record(model: str, bundle: Path, name: str = "") -> RunRecord:
    """Return the record of a run that made a bundle."""
    tags = {"headgate.digest": open_bundle(bundle).digest}
    return RunRecord(model, name or f"{model}-run", {"depth": "3"}, {"roc_auc": 0.7}, tags, {"seed": 0})


def make_bundle(folder: Path, model: str, weights: str) -> Path:
    """Seal a bundle that holds these bytes as its model."""
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_text(weights)
    column = (Field("distance", "float64"),)
    signature = Signature(column, column, (Field("probability", "float32"),))
    seal(folder, Manifest(model, "binary", "onnx", "", signature, ("0", "1"), 1, list_files(folder)))
    return folder
