"""Write docs/results.md from stored answers: `python tests/benchmarks/write_results.py FILE...`

Nothing in the page is typed by hand: every table and every line under it comes from an answer that
a benchmark stored with `--json`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from common import REPOSITORY, Answer, Claim

HEAD = """# Results

Measured by the scripts in `tests/benchmarks/`, one a question; each says what it does in its first
lines. This page is written by `write_results.py` from the answers that they store.

"""


def section(told: dict[str, Any]) -> str:
    """Write one answer, and where it was found."""
    where = told.pop("environment")
    answer = Answer(**{**told, "claims": [Claim(**claim) for claim in told["claims"]]})
    libraries = ", ".join(f"{name} {number}" for name, number in where["libraries"].items())
    device = "" if where["device"] == "cpu" else f"{where['device']}; "
    told_where = (
        f"Commit {where['commit']}; {device}{where['cores']} cores of {where['cpu']}, load "
        f"{where['load_before']} (5 minutes before); Python {where['python']}, "
        f"{libraries}."
    )
    inputs = ", ".join(f"{name}: {_plain(value)}" for name, value in answer.inputs.items())
    return f"{answer.markdown()}\n{told_where}\nInput: {inputs}.\n"


def answers(path: Path) -> list[dict[str, Any]]:
    """Read a stored file: one answer, or all that one script found out."""
    told = json.loads(path.read_text())
    return told if isinstance(told, list) else [told]


def _plain(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Write docs/results.md from stored answers.")
    parser.add_argument("answers", nargs="+", type=Path)
    parser.add_argument("--page", type=Path, default=REPOSITORY / "docs" / "results.md")
    asked = parser.parse_args()
    sections = [section(told) for path in asked.answers for told in answers(path)]
    asked.page.parent.mkdir(parents=True, exist_ok=True)
    asked.page.write_text(HEAD + "\n".join(sections))


if __name__ == "__main__":
    main()
