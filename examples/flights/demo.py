"""The main job on real flights, told as it happens: train, gate, approve, promote, serve March by two, compare.

Works in a fresh copy of this project (``demo/flights`` at the top of the repository, or the folder that is named), with
the very commands that a person would type. `make demo` runs it.
"""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from rich.table import Table
from shell import OUT, TOP, Shell, step, wait
from traffic import Share, march, requests, send, shares, tell_truth

WORK = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else TOP / "demo" / "flights"
SHARES = {"champion": 0.8, "challenger": 0.2}
OTHER = ("num_leaves: 15", "num_leaves: 7")  # what the challenger is trained with instead
CLIENTS = 16
SINGLES = 2000
SHELL = Shell(WORK)
headgate, grace, keys = SHELL.do, SHELL.grace, SHELL.key


def main() -> int:
    """Run the whole demo; return its exit code."""
    started = time.monotonic()
    SHELL.make_project()
    step("People", "ada trains; grace, somebody else, approves. Both have keys.")
    SHELL.add_people()
    headgate("approve", "--scorecard", *grace("the bar we agreed on"))
    step("Train", "January and February; the last two weeks are held out and judge the version.")
    version = str(headgate("train", "--as", "ada")["version"])
    step("Gate", "every line of the scorecard must pass.")
    verdict = SHELL.gate(version)
    step("Approve", "by the requester, which is refused; then by somebody else.")
    refused = headgate("approve", version, "--as", "ada", "--key", keys("ada"), "--because", "mine", expect=3)
    OUT.print(f"  refused: {refused['what']}", soft_wrap=True)
    headgate("approve", version, *grace("better than guessing, checked by origin"))
    step("Promote", "the pointer moves in the journal.")
    headgate("promote", version, "--as", "grace", "--because", "first version")
    challenger = make_challenger()
    step("Serve", "a worker answers over HTTP; both versions get their shares of March.")
    with SHELL.serving() as url:
        route_to_both(url, challenger)
        seen = traffic(url)
    covered = headgate("outcomes", "coverage", "late", "--since", "1h")
    headgate("audit")
    tell(version, verdict, seen, {arm["arm"]: arm for arm in covered["arms"]})
    OUT.print(f"\nDone in {time.monotonic() - started:.0f} s. The project is a folder; look around in it:\n")
    OUT.print('  [cyan]export PATH="$PWD/.venv/bin:$PATH"; cd demo/flights[/cyan]')
    for command, why in NEXT:
        OUT.print(f"  [cyan]{'headgate ' + command:<34}[/cyan] {why}", soft_wrap=True)
    return 0


def make_challenger() -> str:
    """Train a second version with smaller trees; return its number once it may have a share of the traffic."""
    step("A challenger", f"{OTHER[1]} instead of {OTHER[0]} in headgate.yaml; judged beside the champion.")
    policy = WORK / "headgate.yaml"
    policy.write_text(policy.read_text().replace(*OTHER))
    version = str(headgate("train", "--as", "ada")["version"])
    SHELL.gate(version)
    headgate("approve", version, *grace("no worse than the champion, and smaller"))
    return version


def traffic(url: str) -> dict[str, Any]:
    """Send March's flights over HTTP to two versions, then say what really happened."""
    rows = march(WORK)
    port = int(url.rsplit(":", 1)[1])
    made = requests(rows, httpx.get(f"{url}/v2/models/late").raise_for_status().json()["inputs"])
    answers = send(port, made, CLIENTS, f"March, one request a flight, {CLIENTS} at a time", OUT)
    picked = np.random.default_rng(1).integers(0, rows.num_rows, SINGLES)
    singles = send(port, [made[place] for place in picked], 1, f"and {SINGLES:,} of them again, one by one", OUT)
    late = rows["late"].to_numpy()
    kept = tell_truth(url, answers, late)
    return {
        "answers": answers,
        "singles": singles,
        "late": late,
        "kept": kept,
        "moved": sum(one.arm != answers[place].arm for one, place in zip(singles, picked, strict=True)),
    }


def route_to_both(url: str, challenger: str) -> None:
    """Set the shares of both versions, and wait until the worker follows."""
    wanted = ",".join(f"{arm}={share * 100:g}" for arm, share in SHARES.items())
    words = ("route", "late", "--set", wanted, "--challenger", challenger, "--lease", "1h")
    revision = headgate(*words, "--as", "grace", "--because", "a look at it")["revision"]
    while httpx.get(f"{url}/v2/health/ready").json()["models"][0]["revision"] != revision:
        wait(0.05)


def tell(version: str, verdict: dict[str, Any], seen: dict[str, Any], logged: Mapping[str, dict[str, Any]]) -> None:
    """Print what happened, in tables."""
    lines = Table(
        "line of the scorecard",
        "",
        "why",
        title=f"Gate: version {version}, {'passed' if verdict['passed'] else 'not passed'}",
        title_justify="left",
    )
    for line in verdict["lines"]:
        lines.add_row(line["line"], "[green]passed[/green]" if line["passed"] else "[red]failed[/red]", line["why"])
    OUT.print(lines)
    OUT.print(SHELL.text("status"))
    OUT.print(quality(seen))
    OUT.print(arms(seen, logged))


def quality(seen: dict[str, Any]) -> Table:
    """Return how good the answers were, of both arms together."""
    from headgate.training.metrics import METRICS

    chance, late = np.array([answer.chance for answer in seen["answers"]]), seen["late"]
    auc, loss = (METRICS[name].compute(late, chance, ("0", "1")) for name in ("roc_auc", "log_loss"))
    table = Table("March, over HTTP", "", title="Quality on what came next", title_justify="left")
    versions = sorted({answer.version for answer in seen["answers"]})
    table.add_row("flights scored", f"{len(late):,} by versions {' and '.join(versions)}")
    table.add_row("late in truth / as predicted", f"{late.mean():.1%} / {chance.mean():.1%}")
    table.add_row("ROC AUC", f"{auc:.3f}  (0.5 is guessing; nothing was refitted)")
    table.add_row("log loss", f"{loss:.3f}")
    ranked = late[np.argsort(-chance)]
    table.add_row("of the tenth most at risk", f"{ranked[: len(ranked) // 10].mean():.0%} were late")
    p50, p99 = np.quantile([answer.milliseconds for answer in seen["singles"]], [0.5, 0.99])
    table.add_row("one flight a request", f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, Python client included")
    return table


def arms(seen: dict[str, Any], logged: Mapping[str, dict[str, Any]]) -> Table:
    """Return what each arm got and did, and whether the prediction log holds every request of it."""
    from headgate.training.metrics import METRICS

    found = shares(SHARES, seen["answers"], seen["singles"])
    table = Table("", *found, title="Two versions side by side", title_justify="left")
    asked = {arm: sum(one.arm == arm for one in (*seen["answers"], *seen["singles"])) for arm in found}
    empty: dict[str, Any] = {"predictions": 0, "with_outcome": 0, "version": "-"}
    log = {arm: logged.get(arm, empty) for arm in found}
    chance, late = np.array([answer.chance for answer in seen["answers"]]), seen["late"]
    mine = {arm: np.array([answer.arm == arm for answer in seen["answers"]]) for arm in found}
    auc = {arm: METRICS["roc_auc"].compute(late[own], chance[own], ("0", "1")) for arm, own in mine.items()}
    table.add_row("version", *[log[arm]["version"] for arm in found])
    table.add_row("share asked for", *[f"{one.asked:.2%}" for one in found.values()])
    table.add_row("share seen", *[f"{one.count / len(late):.2%} ({one.count:,} flights)" for one in found.values()])
    table.add_row("95 % interval of it", *map(interval, found.values()))
    table.add_row("P50 / P95 / P99, one by one", *map(latencies, found.values()))
    table.add_row("ROC AUC", *[f"{auc[arm]:.3f}" for arm in found])
    table.add_row("requests sent", *[f"{asked[arm]:,}" for arm in found])
    table.add_row("in the prediction log", *[same(log[arm], asked[arm]) for arm in found])
    table.add_row("of them with an outcome", *[f"{log[arm]['with_outcome']:,}" for arm in found])
    table.add_row("flights that changed arms", f"{seen['moved']} of the {SINGLES:,} sent again", "")
    return table


def interval(share: Share) -> str:
    """Return the interval of a share, and whether what was asked for lies in it."""
    word = "[green]holds it[/green]" if share.low <= share.asked <= share.high else "[red]does not hold it[/red]"
    return f"{share.low:.2%} to {share.high:.2%} {word}"


def latencies(share: Share) -> str:
    """Return the quantiles of an arm's latencies."""
    return " / ".join(f"{value:.2f}" for value in share.latencies) + " ms"


def same(logged: dict[str, Any], asked: int) -> str:
    """Say whether the log holds what was sent."""
    word = "[green]all[/green]" if logged["predictions"] == asked else "[red]not all[/red]"
    return f"{logged['predictions']:,} {word}"


NEXT = (
    ("journal", "what was decided, when, by whom and why"),
    (f"at {time.strftime('%Y-%m-%dT%H:%MZ', time.gmtime())} late", "what was production at a time"),
    ("audit", "nothing was changed; edit a byte of .headgate/headgate.db and look again"),
    ("reproduce 1", "train version 1 again from its record alone, and compare"),
    ("route late", "which version has which share; --set champion=100 ends it"),
    ("predictions late", "what was answered last: unit, version, arm, inputs, outputs"),
    ("train", "after a change in train.py: version 3, for the same gate"),
    ("serve", "Open Inference Protocol on port 8080"),
)


if __name__ == "__main__":
    sys.exit(main())
