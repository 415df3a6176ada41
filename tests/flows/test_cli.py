"""The command line: exit codes, answers for people and for programs."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.flows.conftest import contents
from tests.scene_files import write_scene
from texsr.flows.cli import app
from texsr.flows.cli_options import make_settings
from texsr.flows.manifest import is_result
from texsr.pipeline.capture import Finding, Severity


def call(*words: object, code: int = 0):
    outcome = CliRunner().invoke(app, [str(word) for word in words])
    assert outcome.exit_code == code, outcome.output
    return outcome


def answer(*words: object, code: int = 0) -> dict:
    facts = json.loads(call(*words, "--json", code=code).stdout)
    assert facts["exit_code"] == code
    return facts


def test_run_says_where_the_result_is_what_ran_and_which_photos(capture, repeater, scene):
    (capture / "images" / scene.views[2].name).write_bytes(b"no photo")
    said = call("run", capture).stdout
    assert str(capture / "texsr") in said
    assert "model repeat on cpu, x4" in said
    assert f"1 photos used: {scene.views[1].name}" in said
    assert f"{scene.views[0].name} (twin of another)" in said
    assert f"left out {scene.views[2].name}: " in said
    assert "photo-backed: 75%" in said
    assert "warning" not in said
    assert "fresh" in call("run", capture).stdout


def test_run_warns_of_what_was_found(capture, repeater):
    warning = Finding(severity=Severity.WARNING, where="atlas", text="little", remedy="come closer")
    repeater.findings = (warning, replace(warning, severity=Severity.INFO, text="by the way"))
    said = call("run", capture).stdout
    assert "warning: atlas: little; come closer" in said
    assert "by the way" not in said


def test_run_answers_programs_with_one_object(capture, repeater):
    facts = answer("run", capture)
    assert facts["status"] == "done"
    assert facts["capture"] == str(capture)
    assert facts["out"] == str(capture / "texsr")
    assert facts["model"] == "repeat"
    assert len(facts["photos_used"]) == 2
    assert facts["photos_left_out"] == {}
    assert facts["share_photo_backed"] == 0.75
    assert facts["px_per_texel"] == 0.8
    again = answer("run", capture)
    assert again.pop("status") == "fresh"
    facts.pop("status")
    assert again == facts


def test_options_reach_the_settings(capture, repeater, scene, tmp_path):
    options = ["--scale", 2, "--references", 3, "--tile-size", 64, "--device", "cpu", "--seed", 7]
    out = tmp_path / "out"
    call("run", capture, *options, "--exclude", scene.views[0].name, "--strict", "--out", out)
    settings = repeater.seen[0]
    assert (settings.scale, settings.references, settings.tile_size_tx) == (2, 3, 64)
    assert (settings.device, settings.seed, settings.strict) == ("cpu", 7, True)
    assert settings.exclude == (scene.views[0].name,)
    assert is_result(out)
    assert not (capture / "texsr").exists()


@pytest.mark.parametrize(
    ("text", "count", "form"),
    [
        (None, None, "warped"),
        ("all", None, "warped"),
        ("2", 2, "warped"),
        ("cropped", None, "cropped"),
        ("3,cropped", 3, "cropped"),
        ("cropped, 3", 3, "cropped"),
        ("all,warped", None, "warped"),
    ],
)
def test_references_are_a_count_a_form_or_both(text, count, form):
    settings = make_settings(references=text)
    assert (settings.references, settings.references_as) == (count, form)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--scale", "9"], "SettingsError"),
        (["--references", "3,folded"], "SettingsError"),
        (["--references", "some"], "SettingsError"),
        (["--device", "abacus"], "SettingsError"),
        (["--texture-format", "gif"], "SettingsError"),
        (["--out", "."], "OutputError"),
    ],
)
def test_bad_options_exit_2_and_say_so_as_json(capture, repeater, monkeypatch, words, error):
    monkeypatch.chdir(capture)
    facts = answer("run", capture, *words, code=2)
    assert facts["status"] == "failed"
    assert facts["error"] == error
    assert facts["where"]
    assert facts["found"]
    assert facts["expected"]
    assert facts["remedy"]


def test_bad_input_exits_2_with_one_message(tmp_path, repeater):
    outcome = call("run", tmp_path / "nowhere", code=2)
    assert outcome.stdout == ""
    assert len(outcome.stderr.strip().splitlines()) == 1
    assert "nothing there" in outcome.stderr
    (tmp_path / "empty").mkdir()
    assert answer("run", tmp_path / "empty", code=2)["error"] == "CaptureError"


def test_a_fault_of_ours_exits_1(capture, repeater):
    def fail(loaded, work):
        raise RuntimeError("boom")

    repeater.meddle = fail
    facts = answer("run", capture, code=1)
    assert (facts["status"], facts["error"], facts["found"]) == ("failed", "RuntimeError", "boom")


def test_ctrl_c_exits_1_and_leaves_nothing(capture, repeater):
    def stop(loaded, work):
        raise KeyboardInterrupt

    repeater.meddle = stop
    before = contents(capture)
    assert "stopped" in call("run", capture, code=1).stderr
    assert contents(capture) == before


@pytest.fixture
def shelf(scene, tmp_path) -> Path:
    """Three good captures, one of them nested, and two bad ones."""
    root = tmp_path / "shelf"
    for name in ("a", "b", "deep/c", "no-atlas", "no-cameras"):
        write_scene(scene, root / name)
    (root / "no-atlas" / "atlas.png").unlink()
    for path in (root / "no-cameras" / "sparse" / "0").iterdir():
        path.unlink()
    (root / ".hidden").mkdir()
    (root / "plain").mkdir()
    return root


def test_batch_goes_on_past_bad_captures_and_exits_3(shelf, repeater):
    facts = answer("batch", shelf, code=3)
    assert (facts["status"], facts["num_captures"], facts["num_failed"]) == ("partly", 5, 2)
    by_name = {str(Path(c["capture"]).relative_to(shelf)): c for c in facts["captures"]}
    failed = {name for name, one in by_name.items() if one["status"] == "failed"}
    assert failed == {"no-atlas", "no-cameras"}
    assert all(by_name[name]["error"] == "CaptureError" for name in failed)
    for name in ("a", "b", "deep/c"):
        assert is_result(shelf / name / "texsr")
    assert not (shelf / "no-atlas" / "texsr").exists()
    again = answer("batch", shelf, code=3)
    assert [c["status"] for c in again["captures"]].count("fresh") == 3
    assert repeater.calls == 3


def test_batch_ends_with_a_table(shelf, repeater):
    lines = call("batch", shelf, code=3).stdout.splitlines()
    assert len(lines) == 6
    assert sum("failed" in line for line in lines) == 2
    assert lines[-1] == "3 of 5 captures have a result"


def test_batch_out_mirrors_the_paths_below_root(shelf, repeater, tmp_path):
    out = tmp_path / "sharp"
    call("batch", shelf, "--out", out, code=3)
    assert is_result(out / "deep" / "c")
    assert not (shelf / "a" / "texsr").exists()


def test_batch_survives_a_fault_of_ours(shelf, repeater, caplog):
    def fail(loaded, work):
        if loaded.root.name == "a":
            raise RuntimeError("boom")

    repeater.meddle = fail
    facts = answer("batch", shelf, code=3)
    assert facts["num_failed"] == 3
    assert "boom" in caplog.text


def test_batch_where_all_fail_exits_1_and_where_none_is_found_2(shelf, repeater, tmp_path):
    root = tmp_path / "bad"
    root.mkdir()
    (shelf / "no-atlas").rename(root / "one")
    assert answer("batch", root, code=1)["status"] == "failed"
    assert answer("batch", shelf / "plain", code=2)["error"] == "CaptureError"


def test_inspect_tells_a_healthy_capture_from_an_ill_one(capture):
    facts = answer("inspect", capture)
    assert facts["status"] == "healthy"
    assert facts["num_faces"] > 0
    assert len(facts["fits"]) == 3
    assert facts["worth"]["px_per_texel"]["median"] > 0
    assert "healthy" in call("inspect", capture).stdout
    images = sorted((capture / "images").iterdir())
    images[0].unlink()
    assert images[0].name in answer("inspect", capture)["left_out"]


def test_measure_scores_against_a_truth_and_against_excluded_photos(capture, repeater, scene):
    from tests.scene_files import write_truth

    out = capture / "texsr"
    call("run", capture, "--exclude", scene.views[0].name)
    truth = write_truth(scene, capture.parent / "truth")
    facts = answer("measure", out, "--truth", truth)
    assert facts["result"]["psnr_y"] < facts["bicubic"]["psnr_y"]
    assert facts["gain_db"] < 0
    assert "PSNR-Y" in call("measure", out, "--truth", truth / "atlas.png").stdout
    held_out = answer("measure", out)["held_out"]
    assert list(held_out) == [scene.views[0].name]
    assert -1 <= held_out[scene.views[0].name]["result"] <= 1


def test_measure_needs_something_to_score_against(capture, repeater):
    call("run", capture)
    assert "--exclude" in answer("measure", capture / "texsr", code=2)["remedy"]


def test_plan_says_what_a_run_takes_and_writes_nothing(capture):
    before = contents(capture)
    facts = answer("plan", capture, "--scale", 2)
    assert facts["atlases"][0]["high_size_tx"] == [32, 32]
    assert facts["atlases"][0]["worth"]["fillable_scale"] > 0
    assert facts["disk_mb"] > 0
    assert facts["seconds"] > 0
    finer = answer("plan", capture, "--scale", 4)["atlases"][0]["worth"]["px_per_texel"]
    coarse = facts["atlases"][0]["worth"]["px_per_texel"]
    assert coarse["median"] == pytest.approx(2 * finer["median"])
    assert "photo px per output texel" in call("plan", capture).stdout
    assert contents(capture) == before
    assert answer("plan", capture, "--model", "nope", code=2)["where"] == "--model"


def test_preview_shows_a_result_and_leaves_it_fresh(capture, repeater):
    call("run", capture)
    facts = answer("preview", capture / "texsr", "--frames", 2)
    page = Path(facts["page"])
    assert page.parent == capture / "texsr" / "preview"
    assert "<html" in page.read_text(encoding="utf-8")
    assert len(facts["before"]) == 2
    assert all(Path(name).is_file() for name in (*facts["after"], *facts["crops"]))
    assert answer("run", capture)["status"] == "fresh"


def test_simulate_makes_a_capture_that_runs(capture, repeater, tmp_path):
    options = ["--photos", 3, "--scale", 2, "--px-per-texel", 2]
    made = answer("simulate", capture / "mesh.obj", "--out", tmp_path / "trial", *options)
    call("run", made["capture"], "--scale", 2)
    facts = answer("measure", Path(made["capture"]) / "texsr", "--truth", made["truth"])
    assert facts["num_texels"] > 0
    bad = answer("simulate", capture / "mesh.obj", "--out", tmp_path, "--atlas", "new", code=2)
    assert bad["expected"] == "reduced or baked"


def test_models_are_listed_with_what_they_do():
    facts = answer("models")
    assert facts["auto"] in facts["models"]
    assert {"bicubic", "projection"} <= set(facts["models"])
    said = call("models").stdout
    assert all(m["about"] and m["about"] in said for m in facts["models"].values())


def test_help_shows_examples_for_every_command():
    for command in app.registered_commands:
        name = command.name or command.callback.__name__
        assert f"texsr {name} " in call(name, "--help").stdout.split("Examples:")[1]


def test_the_run_after_a_kill_succeeds(capture, repeater):
    corpse = capture / ".texsr.texsr-staging-dead" / "work"
    corpse.mkdir(parents=True)
    lock = {"host": os.uname().nodename, "pid": 2**22 + 1, "started": "1", "token": "dead"}
    (capture / ".texsr.texsr-lock").write_text(json.dumps(lock))
    call("run", capture)
    assert [path.name for path in capture.glob(".texsr*")] == []
