"""What is learnt from: packs that are made once, kept apart, and said where they are from."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.scenes import Shape, make_surface
from tests.training_jobs import (
    PACK,
    SIDE,
    SITTING,
    changed,
    learning,
    tiles,
)
from texsr.flows import training_packs
from texsr.flows.second_sight import SecondSight
from texsr.flows.training_data import Pack, PackSettings, read_pack
from texsr.flows.training_leaks import same_layout, uv_layout
from texsr.flows.training_origins import (
    Origin,
    joined,
    origin_of,
    pack_note,
    pack_origin,
    write_origin,
)
from texsr.flows.training_outcome import Ending
from texsr.flows.training_run import train
from texsr.flows.training_settings import Material
from texsr.models.checkpoint import read_checkpoint
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.errors import CaptureError, SettingsError

LAYOUTS = {"bowl": [9] * 256, "cup": [18, 0] * 128}


class Photographer:
    """Stands in for the simulation: counts its calls and gives tiny tiles."""

    def __init__(self) -> None:
        self.calls: list[Path] = []
        self.seeds: list[int] = []
        self.paints: list[Sequence[Path] | None] = []
        self.sights: list[SecondSight | None] = []
        self.fails: set[str] = set()

    def __call__(
        self,
        mesh: Path,
        settings: PackSettings,
        rng: np.random.Generator,
        paint: Sequence[Path] | None,
        sight: SecondSight | None,
    ) -> Sequence[Pack]:
        self.calls.append(mesh)
        self.paints.append(paint)
        self.sights.append(sight)
        if mesh.parent.name in self.fails:
            raise CaptureError(mesh, found="no UVs", expected="UVs", remedy="unwrap it")
        self.seeds.append(int(rng.integers(1 << 30)))
        return tiles(settings.tiles, len(self.seeds))


@pytest.fixture
def photographer(monkeypatch) -> Photographer:
    stand_in = Photographer()
    monkeypatch.setattr(training_packs, "simulated_tiles", stand_in)
    monkeypatch.setattr(training_packs, "read_textured_mesh", lambda mesh, root: mesh)
    monkeypatch.setattr(training_packs, "uv_layout", lambda mesh: LAYOUTS[mesh.parent.name])
    return stand_in


@pytest.fixture
def scans(tmp_path) -> Path:
    for name in ("bowl", "cup"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        (tmp_path / "scans" / name / "mesh.obj").write_text("")
    note = "Source: my shelf\nLicence: CC0 1.0 (all of it)\n"
    (tmp_path / "scans" / "bowl" / "ATTRIBUTION.txt").write_text(note)
    return tmp_path / "scans"


def test_packs_are_made_once_with_seeds_of_their_own(job, photographer, scans, tmp_path):
    made = replace(changed(job, rounds=2), material=Material(scans=(scans,)))
    outcome = train(replace(made, sitting=replace(SITTING, minutes=1.0)))
    assert outcome.tiles == 2 * 2 * PACK.tiles
    assert [mesh.parent.name for mesh in photographer.calls] == ["bowl", "bowl", "cup", "cup"]
    assert len(set(photographer.seeds)) == 4
    packed = sorted(path.name for path in (made.out / "packs").iterdir())
    kinds = ("scan", 0), ("painted", 1)
    assert packed == sorted(
        f"{kind}_{name}_x4_{n:03d}" for name in ("bowl", "cup") for kind, n in kinds
    )
    assert photographer.paints == [None, [], None, []]
    assert pack_origin(made.out / "packs" / packed[0]) == Origin(
        name="bowl",
        licence="CC0 1.0 (all of it)",
        source="my shelf",
        use="photographed by simulation",
    )
    train(made)
    assert len(photographer.calls) == 4
    data = read_checkpoint(made.out / "last.safetensors").facts["data"]
    assert [(one["name"], one["licence"]) for one in data] == [
        ("bowl", "CC0 1.0 (all of it)"),
        ("cup", "not stated"),
    ]


def test_a_scan_that_cannot_be_used_is_left_out_once(job, photographer, scans):
    photographer.fails = {"cup"}
    made = replace(job, material=Material(scans=(scans,)))
    assert train(replace(made, sitting=replace(SITTING, minutes=0.0))).tiles in (0, PACK.tiles)
    assert train(made).tiles == PACK.tiles
    assert photographer.calls.count(scans / "cup" / "mesh.obj") == 1
    note = json.loads((made.out / "packs" / "scan_cup_x4_000.left-out.json").read_text())
    assert note["found"] == "no UVs"


def test_time_may_be_up_before_all_packs_are_made(job, photographer, scans):
    made = replace(job, material=Material(scans=(scans,)), sitting=replace(SITTING, minutes=0.0))
    outcome = train(made)
    assert (outcome.status, outcome.step) == (Ending.PAUSED, 0)
    assert not (made.out / "state.safetensors").exists()


def test_leftovers_of_a_kill_are_cleared(job, photographer, scans):
    made = replace(job, material=Material(scans=(scans,)))
    train(made)
    half = made.out / "packs" / ".scan_cup_x4_000.12345.part"
    half.mkdir()
    (half / "low.npy").write_bytes(b"half")
    train(made)
    assert not half.exists()


def test_packs_of_pictures(job, tmp_path, rng):
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(rng.integers(0, 255, (420, 420, 3), dtype=np.uint8)).save(folder / "a.png")
    Image.fromarray(rng.integers(0, 255, (20, 20, 3), dtype=np.uint8)).save(folder / "small.png")
    made = replace(
        learning(changed(job, tiles_per_picture=1), steps=1), material=Material(pictures=(folder,))
    )
    assert train(made).tiles == 1
    pack = read_pack(made.out / "packs" / "pictures_pictures_x4_000")
    assert pack.low.shape == (1, SIDE, SIDE, 3)
    assert pack.detail.shape[1] == PACK.references
    (folder / "a.png").unlink()
    with pytest.raises(CaptureError, match="none as large"):
        train(replace(made, out=tmp_path / "other"))


def test_no_scan_of_a_validation_capture_is_learnt_from(job, photographer, scans, tmp_path):
    check = job.material.validation[0]
    mine = Origin(name="vase", licence="mine", source="mine", use="validation")
    write_origin(check, mine, {"layout": LAYOUTS["cup"], "validation_only": True})
    made = replace(job, material=replace(job.material, packs=(), scans=(scans,)))
    with pytest.raises(SettingsError, match="validation capture 'vase'") as told:
        train(made)
    assert told.value.where.endswith("cup/mesh.obj")
    train(replace(made, material=replace(made.material, scans=(scans / "bowl",))))
    packed = job.material.packs[0] / "p0"
    write_origin(packed, mine, {"layout": LAYOUTS["cup"]})
    with pytest.raises(SettingsError, match="validation capture 'vase'"):
        train(replace(job, out=tmp_path / "other"))
    with pytest.raises(SettingsError, match="validation only"):
        train(replace(job, material=Material(packs=(check,))))


def test_a_surface_is_known_again_by_its_layout(rng):
    mesh, charts = make_surface(Shape.SPHERE, subdivisions=16)
    surface = TexturedMesh(path=Path("a.obj"), mesh=mesh, charts=charts, atlases=())
    order = rng.permutation(len(mesh.faces))
    shuffled = replace(charts, uv_faces=charts.uv_faces[order], chart_id=charts.chart_id[order])
    rough = replace(mesh, vertices=mesh.vertices + rng.normal(0, 0.01, mesh.vertices.shape))
    other = replace(charts, uv=charts.uv**2)
    layout = uv_layout(surface)
    assert same_layout(layout, uv_layout(replace(surface, charts=shuffled, mesh=rough)))
    assert not same_layout(layout, uv_layout(replace(surface, charts=other)))
    assert not same_layout([12] + [0] * 255, [12] + [0] * 255)


def test_packs_keep_to_their_settings(tmp_path, photographer, scans, job):
    made = replace(job, material=Material(scans=(scans / "cup",)))
    train(replace(made, sitting=replace(SITTING, minutes=1.0)))
    (made.out / "state.safetensors").unlink()
    other = changed(made, pack=replace(PACK, tiles=1))
    assert train(other).tiles == 1
    assert len(photographer.calls) == 2


def test_origins_without_words_of_their_own(tmp_path):
    (tmp_path / "set" / "capture").mkdir(parents=True)
    assert origin_of(tmp_path / "set", name="a", use="u").licence == "not stated"
    (tmp_path / "set" / "dataset.json").write_text('{"licence": "CC BY 4.0"}')
    assert origin_of(tmp_path / "set", name="a", use="u").licence == "CC BY 4.0"
    note = "zebra: github somebody/zebra, BSD 2-Clause (file LICENSE)\npink: MIT, too\n"
    (tmp_path / "set" / "capture" / "ATTRIBUTION").write_text(note)
    found = origin_of(tmp_path / "set", name="a", use="u")
    assert found.licence == "BSD 2-Clause, MIT"
    assert found.source.startswith("zebra: github somebody/zebra")
    write_origin(tmp_path / "set", found, {"made": {"seed": 0}})
    assert pack_note(tmp_path / "set", "made") == {"seed": 0}
    assert pack_origin(tmp_path / "set") == found
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "README.md").write_text("# Weights\nCC BY 4.0, as CC BY-SA 4.0 is not")
    found = origin_of(tmp_path / "weights", name="w", use="u")
    assert (found.licence, found.source[:7]) == ("CC BY 4.0, CC BY-SA 4.0", "Weights")


def test_the_same_material_is_told_of_once_with_all_of_its_uses():
    scan = {"name": "jar", "licence": "MIT", "source": "somewhere"}
    other = {**scan, "licence": "CC0 1.0"}
    before = [{**scan, "use": "photographed by simulation"}, {**other, "use": "paint for scans"}]
    now = [{**scan, "use": "texture maps"}, {**scan, "use": "photographed by simulation"}]
    assert joined(before, now) == [
        {**scan, "use": "photographed by simulation; texture maps"},
        {**other, "use": "paint for scans"},
    ]
