"""docs/reference is what the code says: a key, a command or an exit code that is not there fails here."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"


def load_writer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_write", DOCS / "write.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages() -> dict[str, str]:
    found: dict[str, str] = load_writer().pages()
    return found


def test_every_page_is_what_make_docs_writes(pages: dict[str, str]) -> None:
    assert {path.name for path in (DOCS / "reference").iterdir() if path.name in pages} == pages.keys()
    stale = [name for name, text in pages.items() if (DOCS / "reference" / name).read_text() != text]
    assert stale == [], "run `make docs`"


def test_every_key_of_a_model_has_its_row(pages: dict[str, str]) -> None:
    for key in ("known_at", "true_at", "max_age", "holdout", "may_drop", "agree_share", "expires"):
        assert f"| `{key}` |" in pages["policy.md"]
