"""A pass ends with the worst of what happened in it, and decides nothing on a journal that was cut."""

from pathlib import Path

import pytest

from headgate.base.errors import Tampered, Unavailable
from headgate.journal.head import Head
from headgate.loop.steps import Pass, tick
from headgate.testing.supply import Supply


def test_the_worst_of_its_errors_is_its_code(tmp_path: Path) -> None:
    def raises(error: Exception) -> list[str]:
        raise error

    chores = {
        "bundles": lambda: raises(Tampered("a digest does not hold")),
        "webhooks": lambda: raises(Unavailable("no answer")),
        "reports": lambda: ["one is stored"],
    }
    done = tick(Supply(tmp_path).desk, chores)
    assert (done.code, done.trouble) == (7, ("bundles: a digest does not hold", "webhooks: no answer"))
    assert tick(Supply(tmp_path / "other").desk, {"webhooks": chores["webhooks"]}).code == 5
    assert Pass(dry_run=False, parts=()).code == 0


def test_a_fault_in_one_chore_keeps_no_other_from_its_turn(tmp_path: Path) -> None:
    def breaks() -> list[str]:
        raise KeyError("until")

    done = tick(Supply(tmp_path).desk, {"reports": breaks, "webhooks": lambda: ["3 delivered"]})
    assert done.done == ("webhooks: 3 delivered",)
    assert done.trouble[0].startswith("reports: a fault of Headgate: KeyError: 'until' (")
    assert done.code == 1


def test_nothing_is_done_on_a_journal_that_was_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    supply, ran = Supply(tmp_path), list[str]()

    def chore() -> list[str]:
        ran.append("webhooks")
        return ran

    monkeypatch.setattr(type(supply.store), "head", lambda _: Head(9, "sha256:x"))
    with pytest.raises(Tampered, match="the signed head says that 9 events were recorded"):
        tick(supply.desk, {"webhooks": chore})
    assert ran == []
