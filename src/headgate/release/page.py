"""A report laid out: Markdown, and one HTML page that needs nothing from anywhere else. Pure; all text is escaped."""

from html import escape

from headgate.gate.report import STYLE
from headgate.release.report import Report, Section

MORE = """
:root{--third:#b7791f}@media (prefers-color-scheme:dark){:root{--third:#e3b341}}
.scroll{overflow-x:auto}td{overflow-wrap:break-word}td:first-child{white-space:nowrap}
td:last-child{min-width:140px}
.banner.open{border-color:var(--third)}.banner b{font-size:16px;font-weight:600}
figure svg{min-width:620px;width:100%;display:block}
.key{margin-right:12px;white-space:nowrap}
.key i{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:5px}
p{margin:6px 0}
@media (max-width:640px){main{padding:20px 14px 40px}td,th{padding:7px 8px;font-size:13px}.banner{padding:12px 14px}}
"""


def markdown(found: Report) -> str:
    """Return the report as Markdown, without pictures."""
    lines = [f"# {_plain(found.title)}", "", _plain(found.subtitle), "", f"**{_plain(found.headline)}**", ""]
    for section in found.sections:
        lines += [f"## {_plain(section.title)}", ""]
        for line in section.lines:
            lines += [_plain(line), ""]
        if section.rows:
            lines += [_row(section.head), f"|{'---|' * len(section.head)}", *map(_row, section.rows), ""]
    return "\n".join(lines)


def html(found: Report) -> str:
    """Return the report as one self-contained page."""
    state = {True: "", False: " failed", None: " open"}[found.well]
    title = escape(found.title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}{MORE}</style></head>'
        f'<body><main><h1>{title}</h1><div class="soft">{escape(found.subtitle)}</div>'
        f'<div class="banner{state}"><b>{escape(found.headline)}</b></div>'
        f"{''.join(map(_section, found.sections))}</main></body></html>\n"
    )


def _section(one: Section) -> str:
    lines = "".join(f"<p>{escape(line)}</p>" for line in one.lines)
    return f"<h2>{escape(one.title)}</h2>{lines}{''.join(one.pictures)}{_table(one)}"


def _table(one: Section) -> str:
    if not one.rows:
        return ""
    head = "".join(f"<th>{escape(cell)}</th>" for cell in one.head)
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in one.rows)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(map(_plain, cells))} |"


def _plain(text: str) -> str:
    """Return text that cannot leave its line or cell, or become markup."""
    found = " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("`", "'").replace("*", "\\*")
    return found.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("[", "\\[")
