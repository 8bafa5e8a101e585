"""How a shadow's process ended, in words for whoever is called at night."""

import os
from pathlib import Path

import pytest

from headgate.gateway.shadow.hang import Waits, hangs, starved
from headgate.gateway.shadow.host import OUT_OF_MEMORY
from headgate.gateway.shadow.keeper import ending_of


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (3, "ended its process with code 3"),
        (0, "ended its process with code 0"),
        (-11, "was ended by SIGSEGV"),
        (-9, "was ended by SIGKILL"),
        (OUT_OF_MEMORY, "needs more than the 1500 MB of memory that it may have"),
    ],
)
def test_an_end_is_said_in_words(code: int, words: str) -> None:
    assert ending_of(code, 1_500_000_000) == words


def test_a_process_that_is_not_there_waits_for_nothing() -> None:
    assert starved(os.getpid()) >= 0
    assert starved(2**22 + 1) == 0


def test_what_a_process_waits_for_may_be_its_child(tmp_path: Path) -> None:
    for pid, nanoseconds, children in ((7, 1_000_000_000, "8 "), (8, 2_500_000_000, "9 "), (9, 0, "")):
        task = tmp_path / str(pid) / "task" / str(pid)
        task.mkdir(parents=True)
        (tmp_path / str(pid) / "schedstat").write_text(f"123 {nanoseconds} 4\n")
        (task / "children").write_text(children)
    assert starved(7, tmp_path) == 3.5
    assert starved(9, tmp_path) == 0.0


def test_what_a_child_has_waited_for_stays_counted_when_it_ends() -> None:
    waits = Waits()
    assert [waits.add(read) for read in (1.0, 3.5, 0.5, 0.75)] == [1.0, 3.5, 3.5, 3.75]


def test_waiting_for_a_processor_is_no_hang_unless_it_takes_ten_times_as_long() -> None:
    assert not hangs(2.0, 0.0, 2.0)
    assert hangs(2.1, 0.0, 2.0)
    assert not hangs(15.0, 14.0, 2.0)
    assert hangs(20.1, 20.0, 2.0)
