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


PAGES: dict[str, str] = load_writer().pages()


@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_page_is_what_make_docs_writes(name: str) -> None:
    assert (DOCS / "reference" / name).read_text() == PAGES[name], "run `make docs`"


def test_every_key_of_a_model_has_its_row() -> None:
    for key in ("known_at", "true_at", "max_age", "holdout", "may_drop", "agree_share", "expires"):
        assert f"| `{key}` |" in PAGES["policy.md"]
