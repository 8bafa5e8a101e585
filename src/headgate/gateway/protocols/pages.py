"""The OpenAPI document at /openapi.json, and a page for people at /docs that needs nothing from elsewhere."""

from html import escape
from typing import Any

from headgate.gateway.http.head import Handler
from headgate.gateway.protocols.openapi import document
from headgate.gateway.protocols.speech import READ, Gateway, Headers, allow, page, text
from headgate.gateway.protocols.v2_json.speech import version_of

STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}"
    "table{border-collapse:collapse;width:100%}"
    "td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d7dce1}"
    "code{font:14px ui-monospace,monospace}.POST{color:#8a4b00}.GET{color:#0a6640}"
)


class Pages:
    """What describes the gateway.

    Args:
        gateway: Holds the table.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def find(self, method: str, parts: tuple[str, ...], _headers: Headers) -> Handler | None:
        """Return what answers this head; None when the path is not one of these."""
        match parts:
            case ("openapi.json",):
                handler = page(lambda: (200, self._document()))
            case ("docs",):
                handler = text("text/html; charset=utf-8", lambda: write(self._document()).encode())
            case _:
                return None
        allow(method, READ)
        return handler

    def _document(self) -> dict[str, Any]:
        return document(self._gateway.table, version_of())


def write(described: dict[str, Any]) -> str:
    """Return the page of a document."""
    lines = "".join(
        f'<tr><td class="{method.upper()}"><code>{method.upper()}</code></td>'
        f"<td><code>{escape(path)}</code></td><td>{escape(verb['summary'])}</td></tr>"
        for path, item in described["paths"].items()
        for method, verb in item.items()
        if method != "parameters"
    )
    models = "".join(
        f"<tr><td><code>{escape(name.removeprefix('Row.'))}</code></td>"
        f"<td><code>{escape(', '.join(row['properties']))}</code></td></tr>"
        for name, row in described["components"]["schemas"].items()
        if name.startswith("Row.")
    )
    title = escape(described["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head>"
        f"<body><h1>{title} {escape(described['info']['version'])}</h1>"
        f'<p>The whole description: <a href="/openapi.json">/openapi.json</a></p>'
        f"<h2>Paths</h2><table>{lines}</table>"
        f"<h2>Models and their inputs</h2><table>{models}</table></body></html>"
    )
