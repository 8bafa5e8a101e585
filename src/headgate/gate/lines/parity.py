"""Agreement of the packaged with the native model, as recorded at packaging."""

from headgate.base.digest import Json
from headgate.gate.facts import Facts, Unmeasured
from headgate.gate.numbers import number, rows
from headgate.gate.verdict import Judged
from headgate.policy.model import ParityLine
from headgate.policy.scorecard import describe


def judge(line: ParityLine, facts: Facts) -> Judged:
    """Judge a parity line; a bundle without a record of it has not passed."""
    found = facts.parity
    if isinstance(found, Unmeasured):
        return Judged(describe(line), passed=False, why=found.why, measured={})
    agreed = "all" if found.share == 1 else f"{found.share:.4%} of"
    where = f" its {found.group} rows ({rows(found.rows)} in all)" if found.group else f" {rows(found.rows)}"
    why = (
        f"{found.runtime} agrees with the native model on {agreed}{where}, largest difference "
        f"{number(found.largest)}; at least {line.share:.4%}"
    )
    measured: dict[str, Json] = {
        "share": found.share,
        "rows": found.rows,
        "largest": found.largest,
        "runtime": found.runtime,
    }
    return Judged(describe(line), passed=found.share >= line.share, why=why, measured=measured)
