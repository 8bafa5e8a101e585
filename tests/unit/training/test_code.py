"""The code of a run is copied whole, the uncommitted included, and its archive depends on nothing else."""

import tarfile
from pathlib import Path

import pytest

from headgate.base.digest import digest_file
from headgate.base.errors import BadInput
from headgate.training.code import pack, read_code, shown_revision, unpack


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "lib").mkdir(parents=True)
    (folder / "data").mkdir()
    (folder / "train.py").write_text("def train(): ...\n")
    (folder / "lib" / "more.py").write_text("x = 1\n")
    (folder / "headgate.yaml").write_text("project: p\n")
    (folder / "data" / "rows.csv").write_text("a\n")
    (folder / ".secret.py").write_text("password = 1\n")
    return folder


def test_code_and_policy_are_listed_and_data_is_not(project: Path) -> None:
    assert set(read_code(project).files) == {"train.py", "lib/more.py", "headgate.yaml"}


def test_an_archive_has_the_same_bytes_every_time_and_unpacks_to_the_same_files(project: Path, tmp_path: Path) -> None:
    code = read_code(project)
    pack(project, code, tmp_path / "one.tar")
    (project / "train.py").touch()
    pack(project, read_code(project), tmp_path / "two.tar")
    assert digest_file(tmp_path / "one.tar") == digest_file(tmp_path / "two.tar")
    unpack(tmp_path / "one.tar", tmp_path / "out")
    assert read_code(tmp_path / "out").digest == code.digest


@pytest.mark.parametrize(
    ("revision", "dirty", "shown"), [("", True, "not in git"), ("3f2a", False, "3f2a"), ("3f2a", True, "3f2a+dirty")]
)
def test_a_revision_is_shown_only_where_there_is_one(revision: str, dirty: bool, shown: str) -> None:  # noqa: FBT001
    assert shown_revision({"revision": revision, "dirty": dirty}) == shown


def test_the_policy_alone_does_not_make_a_fit_stale(project: Path) -> None:
    before = read_code(project)
    (project / "headgate.yaml").write_text("project: q\n")
    after = read_code(project)
    assert before.running_digest == after.running_digest
    assert before.digest != after.digest
    (project / "lib" / "more.py").write_text("x = 2\n")
    assert read_code(project).running_digest != after.running_digest


def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with tarfile.open(tmp_path / "bad.tar", "w") as archive:
        archive.add(tmp_path / "x", arcname="../x")
    with pytest.raises(BadInput, match="cannot be read"):
        unpack(tmp_path / "bad.tar", tmp_path / "out")
