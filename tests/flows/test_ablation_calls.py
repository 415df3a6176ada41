"""Calls for the papers' tables: what is refused, and what the command and the flow give."""

import json

import pytest
import typer
from typer.testing import CliRunner

from tests.ablation_jobs import job_of
from tests.flows.conftest import artifacts_of
from tests.texture_maps import write_texture_maps
from texsr.flows.ablation_run import PAGE, ablate
from texsr.flows.ablation_settings import AblationJob, Practice, Table
from texsr.flows.ablation_table import markdown
from texsr.flows.cli_ablate import ablate as ablate_command
from texsr.pipeline.errors import CaptureError, OutputError, SettingsError


def refused(kind: type, **more: object) -> str:
    with pytest.raises(kind) as told:
        ablate(AblationJob(**more))
    return told.value.found


def test_sets_that_say_nothing_are_refused(models, tmp_path):
    bare = write_texture_maps(tmp_path / "bare", references=0)
    given = {"sets": (bare,), "device": "cpu", "tiles": 1}
    for name in ("amrsr", "masa", "rrsr"):
        assert "references" in refused(CaptureError, models=(models[name],), **given)
    ablate(AblationJob(models=(models["ciaosr"],), **given))
    double = write_texture_maps(tmp_path / "double", scale=2)
    rest = {"models": (models["ciaosr"],), "device": "cpu"}
    assert refused(CaptureError, sets=(double,), **rest) == "1 tiles at x2"
    assert refused(CaptureError, sets=(bare, bare), **rest) == "bare, bare"
    assert "no manifest.json" in refused(CaptureError, sets=(tmp_path,), **rest)


def test_models_and_tables_have_to_go_together(maps, models):
    sets = {"sets": (maps,), "device": "cpu"}
    assert refused(SettingsError, **sets) == "no model"
    asked = {"tables": (Table.CIAOSR,), "models": (models["masa"],)}
    assert refused(SettingsError, **sets, **asked) == "models of masa"
    assert refused(SettingsError, **sets, models=("projection",)) == "no weights"
    assert refused(SettingsError, **sets, models=("fast",)) == "a network 'texsr'"
    assert refused(SettingsError, **sets, models=("nothing",)) == "'nothing'"


def test_trainings_need_material_that_is_not_measured_on(maps, packs):
    with pytest.raises(SettingsError, match="no --steps"):
        Practice(packs=(packs,))
    with pytest.raises(SettingsError, match="no material"):
        Practice(steps=9)
    with pytest.raises(SettingsError, match="at least 1"):
        Practice(steps=0, packs=(packs,))
    with pytest.raises(SettingsError, match="both measured on and learnt from"):
        job_of(maps, practice=Practice(steps=9, sets=(maps,)))
    with pytest.raises(SettingsError, match="--tiles"):
        job_of(maps, tiles=0)


def test_a_place_of_something_else_is_left_alone(maps, models, tmp_path):
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "diary.txt").write_text("mine")
    with pytest.raises(OutputError, match="no ablation wrote"):
        ablate(job_of(maps, models["ciaosr"], out=taken))
    assert [path.name for path in taken.iterdir()] == ["diary.txt"]


def command(*words: object, code: int = 0):
    app = typer.Typer(rich_markup_mode=None)
    app.command()(ablate_command)
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    assert outcome.exit_code == code, outcome.output
    return outcome


def test_the_command_prints_tables_and_facts(maps, models):
    words = [maps, "--model", models["rrsr"], "--tiles", 1, "--device", "cpu"]
    assert "## RRSR: reciprocal learning and rounds of alignment" in command(*words).stdout
    facts = json.loads(command(*words, "--json").stdout)
    assert (facts["status"], facts["exit_code"]) == ("done", 0)
    assert facts["rows"][0]["found"]["figures"]["num_tiles"] == 2
    told = command(*words, "--table", "other", "--json", code=2)
    assert json.loads(told.stdout)["where"] == "--table"


@pytest.mark.usefixtures("prefect_server")
def test_the_flow_finds_what_the_plain_call_finds_and_shows_it(maps, models, tmp_path):
    from texsr.flows.ablation import ablate_published, run_ablation_as_flow

    job = job_of(maps, models["rrsr"], tiles=1, out=tmp_path / "out")
    found = run_ablation_as_flow(job)
    assert ablate(job) == found
    assert (job.out / PAGE).read_text() == markdown(found)
    (page,) = artifacts_of("texsr-ablate")
    assert page.data == markdown(found)
    (table,) = artifacts_of("texsr-ablate-rrsr")
    assert json.loads(table.data)[0]["row"] == "4 references"
    with pytest.raises(SettingsError, match="no model"):
        ablate_published([maps], [])
