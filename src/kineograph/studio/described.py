"""The interface, told on one page: its operations, an example, where the whole description is."""

from __future__ import annotations

import html
import json
from typing import Any

from kineograph import models


def described(api: dict[str, Any]) -> str:
    """Every operation of an OpenAPI description on one page that fetches nothing."""
    rows = []
    for path, operations in api["paths"].items():
        for method, facts in operations.items():
            told = html.escape(facts.get("description") or facts.get("summary", ""))
            rows.append(
                f"<tr><td>{method.upper()}</td><td><code>{html.escape(path)}</code></td>"
                f"<td>{told}</td></tr>"
            )
    verbs = ", ".join(f"<code>{html.escape(verb)}</code>" for verb in models.VERBS)
    example = html.escape(json.dumps({"verb": "write", "corpus": "examples/alice.txt", "n": 50}))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>kineograph studio: API</title>'
        '<link rel="stylesheet" href="/page/style.css"><body class="docs"><main>'
        f"<h1>/api/v1</h1><p>Bodies are flat requests, as lines of <code>kineograph batch</code>: "
        f"<code>{example}</code>. Verbs: {verbs}; their fields: <code>/api/v1/schema/VERB</code>. "
        "The token goes in a cookie or in <code>Authorization: Bearer</code>. "
        'The whole description: <a href="/api/openapi.json">openapi.json</a>.</p>'
        f"<table>{''.join(rows)}</table></main></body></html>"
    )
