"""For mkdocs: links to files outside of ``docs/`` lead to the repository."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
AWAY = re.compile(r"\]\((?:\.\./)+([^)#\s]*)(#[^)]*)?\)|\]\((examples/[^)#\s]*)(#[^)]*)?\)")


def on_page_markdown(markdown: str, config: Any, **_: Any) -> str:
    """Rewrite such links; one that leads nowhere stays, and fails the build."""

    def away(match: re.Match[str]) -> str:
        path = match[1] if match[3] is None else f"docs/{match[3]}"
        if not (ROOT / path).exists():
            return match[0]
        return f"]({config.repo_url}/blob/main/{path}{match[2] or match[4] or ''})"

    return AWAY.sub(away, markdown)
