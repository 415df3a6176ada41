"""The published papers' tables: their layout, their figures, and what is kept of them."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.ablation_jobs import job_of
from tests.texture_maps import write_texture_maps
from tests.tiny_networks import MASA, RRSR
from texsr.flows import ablation_measure, ablation_training
from texsr.flows.ablation_run import FACTS, PAGE, ablate
from texsr.flows.ablation_settings import Practice, Table
from texsr.flows.ablation_subjects import read_subjects, read_tile
from texsr.flows.ablation_table import Ablation, markdown
from texsr.flows.ablation_variants import BICUBIC, SCALES
from texsr.flows.tile_scores import bicubic, planes, score_tiles, spread, stored_like
from texsr.flows.training_presets import PRESETS, Preset
from texsr.models.architectures import load_upscaler


@pytest.fixture
def small_presets(monkeypatch) -> None:
    monkeypatch.setitem(PRESETS, Preset.MASA_SEED, MASA)
    monkeypatch.setitem(PRESETS, Preset.RRSR_SEED, RRSR)


def labels(found: Ablation, part: str) -> dict[str, object]:
    return {row.label: row.found.figures for row in found.rows if row.part.startswith(part)}


def test_references_are_counted_as_far_as_the_set_has_them(maps, models):
    found = ablate(job_of(maps, models["amrsr"], tables=(Table.AMRSR_REFERENCES,)))
    figures = labels(found, "")
    assert list(figures) == ["1 reference", "2 references", "4 references", "8 references"]
    one, two, four, eight = figures.values()
    assert (four, eight) == (None, None)
    assert one.num_tiles == two.num_tiles == 4
    assert set(one.maps) == {"cup", "vase"}
    assert 0 < one.gmac < two.gmac  # matching counts
    assert one.seconds > 0
    text = markdown(found)
    assert "## AMRSR: number of references" in text
    assert "|  | PSNR-Y / SSIM-Y | MB | s | GMAC |" in text
    assert "| 8 references | not in the set | – | – | – |" in text
    assert "maps: 4 of 4 tiles of 2 maps, each with 2 references" in text


def test_figures_are_those_of_the_network_on_the_mask(maps, models):
    found = ablate(job_of(maps, models["amrsr"], tables=(Table.AMRSR_REFERENCES,)))
    network = load_upscaler(models["amrsr"]).network
    (subject,) = read_subjects([maps], None)

    def enlarge(pixels):
        references = [planes(one) for one in pixels.references[:2]]
        return stored_like(network(planes(pixels.low), references), pixels.truth)

    expected = score_tiles(enlarge, [read_tile(tile, 4.0) for tile in subject.maps["vase"]])
    ours = labels(found, "")["2 references"].maps["vase"]
    assert ours.psnr_y == pytest.approx(expected.psnr_y, abs=1e-6)
    assert ours.ssim_y == pytest.approx(expected.ssim_y, abs=1e-6)


def test_amrsr_is_cut_and_attends_in_every_way_of_the_paper(models, tmp_path):
    maps = write_texture_maps(tmp_path / "maps", references=2)
    found = ablate(job_of(maps, models["amrsr"], tables=(Table.AMRSR_PARTS,)))
    parts = list(dict.fromkeys(row.part for row in found.rows))
    assert [part.rpartition(", ")[2] for part in parts] == ["N_R", "N_I", "N_C", "N_R = 4"]
    assert list(labels(found, parts[0])) == list(labels(found, parts[1])) == ["1", "4", "16"]
    assert list(labels(found, parts[2])) == ["1", "2", "4"]
    assert list(labels(found, parts[3])) == [
        "over parts, then over references",
        "over parts only",
        "over references only",
        "one running argmax",
    ]
    whole = [labels(found, part)["1"] for part in parts[:3]]
    assert whole[0] == whole[1] == whole[2]  # measured once
    four = labels(found, parts[0])["4"]
    assert labels(found, parts[3])["over parts, then over references"] == four
    (lacking,) = [row for row in found.rows if row.found.figures is None]
    assert (lacking.label, lacking.found.why) == ("4", "its features have (4, 6, 8) channels")


def test_masa_is_matched_both_ways_and_its_trainings_are_left_out_aloud(maps, models):
    found = ablate(job_of(maps, models["masa"], tiles=1))
    assert list(labels(found, "Matching")) == ["from coarse to fine", "exhaustive"]
    coarse, whole = labels(found, "Matching").values()
    assert coarse.gmac != whole.gmac
    assert list(labels(found, "Several")) == ["one by one", "stacked"]
    assert labels(found, "Several")["one by one"] == coarse
    assert not labels(found, "Modules")
    assert "left out for want of --steps: modules (SAM and DRAM)" in markdown(found)


def test_references_that_cannot_be_stacked_are_told(maps, models, monkeypatch):
    monkeypatch.setattr("texsr.models.masa.STACKED_PX", 48)
    found = ablate(job_of(maps, models["masa"], tiles=1))
    (row,) = [row for row in found.rows if row.label == "stacked"]
    assert "at most 48 px" in row.found.why


def test_any_scale_is_measured_on_the_truth_reduced_to_it(maps, models):
    found = ablate(job_of(maps, models["ciaosr"]))
    assert [row.scale for row in found.rows if row.label == BICUBIC] == list(SCALES)
    (subject,) = read_subjects([maps], None)
    for scale in SCALES:
        tile = read_tile(subject.maps["cup"][0], scale)
        side = round(16 * scale)
        assert tile.truth.shape == (side, side, 3)
        assert tile.mask.mean() == pytest.approx(0.5, abs=0.03)
        assert np.array_equal(tile.low, read_tile(subject.maps["cup"][0], 4.0).low)
        tiles = [read_tile(one, scale) for one in subject.maps["cup"]]
        expected = score_tiles(bicubic, tiles)
        ours = next(row for row in found.rows if (row.scale, row.label) == (scale, BICUBIC))
        assert ours.found.figures.maps["cup"].psnr_y == pytest.approx(expected.psnr_y, abs=0.01)
    text = markdown(found)
    assert "|  | x1.5 | x2 | x2.5 | x3 | x3.5 | x4 |" in text
    assert "| maps, bicubic: PSNR-Y / SSIM-Y |" in text
    assert "| maps, CiaoSR: GMAC |" in text
    assert "bicubic: GMAC" not in text


@pytest.mark.usefixtures("small_presets")
def test_what_differs_in_training_is_trained_alike_and_once(maps, packs, tmp_path, monkeypatch):
    practice = Practice(steps=2, packs=(packs,), batch=1, side_tx=16)
    job = job_of(maps, tiles=1, practice=practice, out=tmp_path / "out")
    found = ablate(job)
    assert list(labels(found, "Modules, 2 steps")) == [
        "SAM and DRAM",
        "without SAM",
        "without DRAM",
    ]
    assert len({one.gmac for one in labels(found, "Modules").values()}) == 3
    assert list(labels(found, "Reciprocal")) == ["without", "with"]
    assert list(labels(found, "Rounds")) == ["1 / 1 / 1", "1 / 3 / 3"]
    assert labels(found, "Rounds")["1 / 1 / 1"] == labels(found, "Reciprocal")["without"]
    assert "left out" not in markdown(found)
    assert len(list((job.out / "trainings").iterdir())) == 6
    monkeypatch.setattr(ablation_training, "train", None)
    assert ablate(job) == found


def test_a_stopped_call_goes_on_and_a_second_one_measures_nothing(
    maps, models, tmp_path, monkeypatch
):
    real, taken = ablation_measure._figures, []

    def stopping(variant, *rest):
        if len(taken) == 3:
            raise KeyboardInterrupt
        taken.append(variant.label)
        return real(variant, *rest)

    out = tmp_path / "out"
    job = job_of(maps, models["ciaosr"], tiles=1, out=out)
    monkeypatch.setattr(ablation_measure, "_figures", stopping)
    with pytest.raises(KeyboardInterrupt):
        ablate(job)
    assert {path.name for path in out.iterdir()} == {"rows"}
    taken.clear()
    monkeypatch.setattr(ablation_measure, "_figures", lambda *all: taken.append(1) or real(*all))
    found = ablate(job)
    assert len(taken) == 2 * len(SCALES) - 3
    monkeypatch.setattr(ablation_measure, "_figures", None)
    assert ablate(job) == found
    assert (out / PAGE).read_text() == markdown(found)
    facts = json.loads((out / FACTS).read_text())
    assert facts["status"] == "done"
    assert len(facts["rows"]) == 2 * len(SCALES)
    assert {path.name for path in out.iterdir()} == {"rows", PAGE, FACTS}
    with pytest.raises(TypeError):  # other tiles are another question
        ablate(replace(job, tiles=2))


def test_a_row_that_is_broken_is_measured_again(maps, models, tmp_path):
    job = job_of(maps, models["ciaosr"], tiles=1, out=tmp_path / "out")
    ablate(job)
    rows = sorted((job.out / "rows").iterdir())
    rows[0].write_text("{")
    ablate(job)
    assert json.loads(rows[0].read_text())["found"]["figures"]


def test_tiles_are_spread_and_those_short_of_references_do_not_count(tmp_path):
    assert spread(range(9), 3) == [0, 4, 8]
    assert spread(range(9), 1) == [4]
    assert spread(range(2), None) == spread(range(2), 5) == [0, 1]
    root = write_texture_maps(tmp_path / "maps", tiles=3, references=4)
    manifest = json.loads((root / "manifest.json").read_text())
    short = manifest["maps"][0]["tiles"][1]
    short["references"] = short["references"][:3]
    (root / "manifest.json").write_text(json.dumps(manifest))
    (subject,) = read_subjects([root], None)
    assert (subject.num_references, subject.num_tiles, subject.num_tiles_there) == (4, 2, 3)
