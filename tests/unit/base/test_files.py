"""A file or folder is there whole, or not at all."""

import errno
from pathlib import Path

import pytest

from headgate.base.errors import Tampered, Unavailable
from headgate.base.files import ContentStore, make_folder, write_atomically


def write(folder: Path, text: str) -> None:
    (folder / "a").write_text(text)


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_a_folder_appears_only_when_it_was_filled(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "a").write_text("a")
        raise RuntimeError("killed here")

    with pytest.raises(RuntimeError):
        make_folder(tmp_path / "out", half)
    assert list(tmp_path.iterdir()) == []
    make_folder(tmp_path / "out", lambda folder: write(folder, "a"))
    assert (tmp_path / "out" / "a").read_text() == "a"


def test_a_folder_that_is_there_is_not_made_again(tmp_path: Path) -> None:
    make_folder(tmp_path / "out", lambda folder: write(folder, "first"))
    make_folder(tmp_path / "out", lambda folder: write(folder, "second"))
    assert (tmp_path / "out" / "a").read_text() == "first"


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    def full(folder: Path) -> None:
        (folder / "part").write_bytes(b"x")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(Unavailable, match="No space left on device") as caught:
        make_folder(tmp_path / "out", full)
    assert "free disk space" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_content_comes_back_under_its_digest(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    store = ContentStore(tmp_path / "content")
    key = store.put(tmp_path / "data.csv")
    assert store.put(tmp_path / "data.csv") == key
    assert store.get(key).read_text() == "a,b\n1,2\n"


def test_changed_or_missing_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    store = ContentStore(tmp_path / "content")
    key = store.put(tmp_path / "data.csv")
    store.get(key).write_text("a,b\n1,3\n")
    with pytest.raises(Tampered, match="was changed"):
        store.get(key)
    with pytest.raises(Tampered, match="is gone"):
        store.get("sha256:" + "0" * 64)
