"""A verdict as a page for a person: Markdown, and HTML that needs nothing from anywhere else.

Everything that came from outside (names of segments, versions, processors) is escaped. Nothing here judges.
"""

from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any

from headgate.gate.plots import latency_plot, segment_plot
from headgate.gate.verdict import Judged, Verdict

STYLE = """
:root{--ink:#1c2430;--soft:#5b6776;--line:#e3e7ec;--page:#fff;--card:#f7f8fa;--good:#1a7f4b;--bad:#c0322b;--ours:#2563c4;
--theirs:#9aa5b1}
@media (prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b3;--line:#2e3742;--page:#14181d;--card:#1b2027;
--good:#4cc38a;--bad:#ff7b72;--ours:#6ea8fe;--theirs:#7b8794}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:980px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:36px 0 8px}
.soft{color:var(--soft)}code{font-size:13px;overflow-wrap:anywhere}
.banner{display:flex;gap:16px;align-items:center;padding:14px 18px;border-radius:8px;background:var(--card);
border-left:6px solid var(--good);margin:20px 0}.banner.failed{border-color:var(--bad)}
.banner b{font-size:18px}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:10px 12px;
border-bottom:1px solid var(--line)}th{font-size:13px;color:var(--soft);font-weight:600}
.mark{font-weight:700;white-space:nowrap;color:var(--good)}.failed .mark{color:var(--bad)}
figure{margin:12px 0;padding:14px;background:var(--card);border-radius:8px;overflow-x:auto}
figcaption{font-size:13px;color:var(--soft);margin-bottom:6px}
svg text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:var(--ink)}svg .soft{fill:var(--soft)}
dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:0}dt{color:var(--soft)}dd{margin:0}
"""


def headline(verdict: Verdict) -> str:
    """Return the verdict in one sentence."""
    failed = [line for line in verdict.lines if not line.passed]
    if verdict.passed:
        return f"passed: all {len(verdict.lines)} lines are met"
    if not verdict.lines:
        return "not passed: no line was judged"
    return f"not passed: {len(failed)} of {len(verdict.lines)} lines {'is' if len(failed) == 1 else 'are'} not met"


def compared_with(verdict: Verdict) -> str:
    """Say what the version was compared with."""
    return f"champion {verdict.champion}" if verdict.champion else "no champion yet: absolute lines only"


def markdown(verdict: Verdict, at: datetime) -> str:
    """Return the verdict as Markdown."""
    rows = [f"| {mark(line)} | {_cell(line.line)} | {_cell(line.why)} |" for line in verdict.lines]
    return "\n".join(
        [
            f"# {verdict.model} version {verdict.version}: {headline(verdict)}",
            "",
            f"Judged {at:%Y-%m-%d %H:%M} UTC against {compared_with(verdict)}.",
            "",
            "| | Line | Why |",
            "|---|---|---|",
            *rows,
            "",
            f"- bundle `{verdict.digest}`",
            f"- scorecard `{verdict.scorecard}`",
            *(f"- {name}: {_cell(text)}" for name, text in _machine(verdict.machine)),
            "",
        ]
    )


def mark(line: Judged) -> str:
    """Return a line's mark."""
    return "passed" if line.passed else "**not met**"


def html(verdict: Verdict, at: datetime) -> str:
    """Return the verdict as one self-contained page."""
    title = escape(f"{verdict.model} version {verdict.version}")
    state = "" if verdict.passed else " failed"
    rows = "".join(_row(line) for line in verdict.lines)
    details = [("bundle", verdict.digest), ("scorecard", verdict.scorecard), *_machine(verdict.machine)]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}: gate</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body><main>'
        f'<h1>{title}</h1><div class="soft">judged {at:%Y-%m-%d %H:%M} UTC against '
        f'{escape(compared_with(verdict))}</div><div class="banner{state}"><b>{escape(headline(verdict))}</b></div>'
        f"<table><thead><tr><th></th><th>Line</th><th>Why</th></tr></thead><tbody>{rows}</tbody></table>"
        f"{''.join(_figure(line, verdict.champion) for line in verdict.lines)}"
        f"<h2>What was judged, and where</h2><dl>"
        f"{''.join(f'<dt>{escape(name)}</dt><dd><code>{escape(text)}</code></dd>' for name, text in details)}</dl>"
        "</main></body></html>\n"
    )


def _row(line: Judged) -> str:
    state, word = ("", "&#10003; passed") if line.passed else (' class="failed"', "&#10007; not met")
    why = "<br>".join(escape(part) for part in line.why.split("; "))
    return f'<tr{state}><td class="mark">{word}</td><td>{escape(line.line)}</td><td>{why}</td></tr>'


def _figure(line: Judged, champion: str | None) -> str:
    """Return the plot of a line that has one: segments, or latency quantiles."""
    measured: Mapping[str, Any] = line.measured
    if measured.get("segments"):
        picture = segment_plot(measured["segments"], champion)
    elif isinstance(measured.get("candidate"), Mapping) and measured["candidate"].get("answered"):
        picture = latency_plot(measured, champion)
    else:
        return ""
    return f"<h2>{escape(line.line)}</h2><figure>{picture}</figure>"


def _machine(machine: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), _said(value)) for name, value in machine.items()]


def _said(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _cell(text: str) -> str:
    """Return text that cannot leave its cell or become markup."""
    plain = text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("`", "'")
    return plain.replace("<", "&lt;").replace(">", "&gt;")
