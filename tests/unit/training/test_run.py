"""A run is a value; what a stage depends on names its output."""

import pytest

from headgate.base.errors import BadInput
from headgate.training.run import STAGES, Done, Run, stage_key, stage_named

RUN = Run("r1", "late", "person:ada", "2026-03-01T12:00:00+00:00")


def test_a_run_comes_back_from_json() -> None:
    run = RUN.with_done("validate", Done("k", reused=False, seconds=1.5)).with_failure("assemble", "no disk")
    assert Run.from_json(run.to_json()) == run  # type: ignore[arg-type]


def test_a_finished_stage_clears_the_failure_before() -> None:
    assert RUN.with_failure("fit", "raised").with_done("fit", Done("k", reused=False, seconds=0)).failed == {}


def test_a_stage_is_made_again_when_anything_it_depends_on_changes() -> None:
    assert stage_key("fit", {"code": "a"}) == stage_key("fit", {"code": "a"})
    assert stage_key("fit", {"code": "a"}) != stage_key("fit", {"code": "b"})
    assert stage_key("fit", {"code": "a"}) != stage_key("evaluate", {"code": "a"})


def test_an_unknown_stage_is_refused_with_those_that_exist() -> None:
    assert [stage_named(stage) for stage in STAGES] == list(STAGES)
    with pytest.raises(BadInput, match="no stage 'fitt'") as caught:
        stage_named("fitt")
    assert "package" in caught.value.way_out
