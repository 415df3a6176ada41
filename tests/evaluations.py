"""`texsr evaluate` as its tests call it."""

import json

import typer
from typer.testing import CliRunner

from texsr.flows import cli_evaluate

app = typer.Typer(rich_markup_mode=None)
app.command()(cli_evaluate.evaluate)

PLAIN = ("--model", "projection")  # whatever is shipped


def call(*words: object, code: int = 0):
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    assert outcome.exit_code == code, outcome.output
    return outcome


def answer(*words: object, code: int = 0) -> dict:
    return json.loads(call(*words, "--json", code=code).stdout)


def figures(facts: dict) -> dict[tuple[str, str], dict]:
    return {(row["subject"], row["method"]): row["figures"] for row in facts["rows"]}
