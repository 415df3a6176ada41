"""Model cards: the facts of a checkpoint, and none that it lacks."""

from dataclasses import replace

import pytest
import torch

from tests.stand_in_models import FACTOR, FACTS, put_factor
from texsr.flows.manifest import stamp
from texsr.flows.model_card import add_facts, write_card
from texsr.models.checkpoint import read_checkpoint, write_checkpoint
from texsr.models.networks import ARCHITECTURES
from texsr.pipeline.errors import OutputError, SettingsError

FIGURES = {
    "PSNR-Y, validation": {
        "bowl": {"bicubic": 34.9912, "stand-in": 40.5},
        "head": {"bicubic": 42.22, "stand-in": None, "photos": 16},
    }
}


@pytest.fixture(autouse=True)
def stand_in(monkeypatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "factor", lambda: FACTOR)


def test_a_card_tells_the_facts_and_is_the_same_each_time(tmp_path):
    home, out = put_factor(tmp_path / "fast.safetensors"), tmp_path / "cards" / "fast.md"
    write_card(home, FIGURES, out, pictures={"a jar": "jar 1.png"})
    text = out.read_text(encoding="utf-8")
    for line in (
        "# `fast`",
        "A stand-in that multiplies.",
        "| parameters | 4 |",
        f"| file | `fast.safetensors`, {home.stat().st_size:,} bytes |",
        f"| SHA-256 | `{stamp(home).sha256}` |",
        "| trained by commit | `0123abc` |",
        r"| oak \| bark | CC0 | https://a.example | patches |",
        "| rate | 0.00025 |",
        "| crop | 64, 64 |",
        "| width | 4 |",
        "### PSNR-Y, validation",
        "|  | bicubic | stand-in | photos |",
        "| bowl | 34.99 | 40.5 | - |",
        "| head | 42.22 | - | 16 |",
        "![a jar](<jar 1.png>)",
        "- Only tested on jars.",
    ):
        assert line in text.splitlines(), line
    write_card(home, FIGURES, out, pictures={"a jar": "jar 1.png"})
    assert out.read_text(encoding="utf-8") == text


def test_a_card_without_figures_says_so(tmp_path):
    home = put_factor(tmp_path / "fast.safetensors")
    write_card(home, {}, tmp_path / "fast.md")
    text = (tmp_path / "fast.md").read_text(encoding="utf-8")
    assert "None were measured." in text
    assert "## Pictures" not in text


@pytest.mark.parametrize("name", ["about", "data", "recipe", "commit", "limits"])
@pytest.mark.parametrize("value", [None, "", 3, {}])
def test_a_card_is_not_written_where_a_fact_lacks(tmp_path, name, value):
    home = put_factor(tmp_path / "fast.safetensors", facts={**FACTS, name: value})
    with pytest.raises(SettingsError, match=f"'{name}' missing, empty or no"):
        write_card(home, FIGURES, tmp_path / "fast.md")
    assert not (tmp_path / "fast.md").exists()


def test_a_card_names_the_licence_of_all_data(tmp_path):
    home = put_factor(tmp_path / "fast.safetensors")
    add_facts(home, {"data": [*FACTS["data"], {"name": "x", "source": "y", "use": "z"}]})
    with pytest.raises(SettingsError, match="an item of 'data' without 'licence'"):
        write_card(home, FIGURES, tmp_path / "fast.md")
    add_facts(home, {"data": ["oak"]})
    with pytest.raises(SettingsError, match="without 'name'"):
        write_card(home, FIGURES, tmp_path / "fast.md")


def test_a_card_of_what_cannot_be_built_is_not_written(tmp_path):
    home = put_factor(tmp_path / "fast.safetensors")
    write_checkpoint(home, replace(read_checkpoint(home), weights={}))
    with pytest.raises(SettingsError, match="no weight 'factor'"):
        write_card(home, FIGURES, tmp_path / "fast.md")


def test_a_card_in_a_place_that_cannot_be_written(tmp_path):
    home = put_factor(tmp_path / "fast.safetensors")
    with pytest.raises(OutputError):
        write_card(home, FIGURES, home / "card.md")


def test_facts_are_added_and_the_rest_stays(tmp_path):
    home = put_factor(tmp_path / "fast.safetensors", 0.3)
    before = read_checkpoint(home)
    add_facts(home, {"headline": "new", "extra": [1]})
    after = read_checkpoint(home)
    assert after.facts == {**FACTS, "headline": "new", "extra": [1]}
    assert torch.equal(after.weights["factor"], before.weights["factor"])
    assert after.config == before.config
    with pytest.raises(SettingsError, match="'facts'"):
        add_facts(home, {"bad": {1, 2}})
