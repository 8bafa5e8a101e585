"""The report: what failed is seen first, nothing from outside becomes markup, and nothing is loaded from anywhere."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from headgate.gate.numbers import number, rows
from headgate.gate.plots import latency_plot, segment_plot
from headgate.gate.report import headline, html, markdown
from headgate.gate.verdict import Judged, Verdict

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
VOID = {"meta", "line", "circle", "rect", "br"}


def segment(
    value: float | None, count: int = 500, *, passed: bool = True, champion: float | None = None
) -> dict[str, Any]:
    judged = value is not None and count >= 100
    found: dict[str, Any] = {"rows": count, "value": value, "judged": judged, "passed": judged and passed}
    if champion is not None and value is not None:
        found |= {"champion_value": champion, "gain": value - champion}
    return found


def verdict(name: str = "JFK", *, passed: bool = False) -> Verdict:
    lines = (
        Judged(
            "roc_auc at least 0.65", passed=True, why="roc_auc 0.741 on 9,412 held-out rows; at least 0.65", measured={}
        ),
        Judged(
            "roc_auc in every origin",
            passed=passed,
            why=f"origin {name}: roc_auc 0.61",
            measured={
                "by": "origin",
                "segments": {name: segment(0.61, passed=passed, champion=0.7), "LGA": segment(0.75)},
            },
        ),
        Judged(
            "latency P99 at most 20 ms",
            passed=True,
            why="P99 2 ms",
            measured={
                "candidate": {"answered": 600, "p50": 0.3, "p99": 2.0, "max": 9.1, "offered": 600},
                "champion": {"answered": 600, "p50": 0.4, "p99": 3.0, "max": 11.0, "offered": 600},
            },
        ),
    )
    return Verdict(
        "flights", "7", "sha256:b", "sha256:s", "3", lines, {"processor": "EPYC <9>", "load_average": [0.1, 0.2]}
    )


class Reader(HTMLParser):
    """Checks that tags close in order, and keeps the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.outside += [str(value) for key, value in attrs if key in {"src", "href", "srcset"}]
        self.outside += [tag] if tag in {"script", "img", "link", "iframe"} else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def test_the_headline_counts_what_is_not_met() -> None:
    assert headline(verdict()) == "not passed: 1 of 3 lines is not met"
    assert headline(verdict(passed=True)) == "passed: all 3 lines are met"
    assert headline(Verdict("m", "1", "d", "s", None, (), {})) == "not passed: no line was judged"


def test_the_page_shows_every_line_why_and_where_and_loads_nothing() -> None:
    reader = read(html(verdict(), AT))
    text = " ".join(reader.text)
    assert reader.outside == []
    for said in (
        "flights version 7",
        "champion 3",
        "not passed",
        "roc_auc 0.741",
        "origin JFK",
        "EPYC <9>",
        "2026-03-01 12:00",
    ):
        assert said in text
    assert "P99" in reader.text
    assert "2 ms (3)" in reader.text


@given(st.text(min_size=1, max_size=40).filter(lambda name: name.isprintable() and name.strip() != ""))
def test_no_segment_name_becomes_markup(name: str) -> None:
    reader = read(html(verdict(f"<script>{name}</script>\"'&"), AT))
    assert reader.outside == []


def test_no_text_leaves_its_cell_in_markdown() -> None:
    page = markdown(verdict("a|b\n`<b>`"), AT)
    table = [line for line in page.splitlines() if line.startswith("| ")]
    assert len(table) == 4
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 4 for line in table)
    assert "<b>" not in page


def test_failing_segments_are_drawn_first_and_many_are_cut_with_a_note() -> None:
    segments = {f"s{index}": segment(0.7, 1000 - index) for index in range(60)} | {
        "bad": segment(0.5, 150, passed=False)
    }
    picture = segment_plot(segments, None)
    names = re.findall(r'text-anchor="end"[^>]*>([^<]+)</text>', picture)
    assert names[0] == "bad"
    assert "21 more without a value or not drawn" in picture


def test_segments_without_a_value_do_not_break_the_plot() -> None:
    assert "none with a value" in segment_plot({"a": segment(None)}, None)
    read(segment_plot({"a": segment(0.5), "b": segment(None)}, None))


@given(st.lists(st.floats(0.001, 1e5), min_size=2, max_size=2))
def test_any_latencies_can_be_drawn(values: list[float]) -> None:
    low, high = sorted(values)
    drawn = latency_plot({"candidate": {"answered": 9, "p50": low, "max": high}}, None)
    read(drawn)
    assert "nan" not in drawn.replace("dominant", "")
    assert drawn.endswith("</svg>")


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_two_numbers_that_differ_never_look_the_same(one: float, two: float) -> None:
    assert (number(one, two) == number(two, one)) == (one == two)


def test_rows_are_counted_as_people_write_them() -> None:
    assert (rows(1), rows(9412)) == ("1 row", "9,412 rows")
