"""The jar of the sample capture: closed, unmirrored, painted the same on both sides of a seam."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from texsr.assets.jar import make_jar
from texsr.assets.make_sample import SETTINGS, make_sample
from texsr.pipeline.formats.colmap import read_colmap
from texsr.pipeline.formats.meshes import read_textured_mesh
from texsr.pipeline.stages.measure import measure, seam_error
from texsr.pipeline.texture_plane import TexturePlane

SAMPLE = Path(__file__).parents[2] / "assets" / "sample"
MAX_BYTES = 6_000_000


@pytest.fixture(scope="module")
def jar():
    return make_jar(384, np.random.default_rng(0))


def test_it_is_closed_and_faces_outward(jar):
    mesh = jar.mesh
    ends = np.stack([mesh.faces, np.roll(mesh.faces, -1, axis=1)], axis=2).reshape(-1, 2)
    edges = set(map(tuple, ends.tolist()))
    assert len(edges) == len(ends), "an edge is walked twice in one direction"
    assert all((b, a) in edges for a, b in edges), "an edge has one side only"
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    volume = (a * np.cross(b, c)).sum() / 6
    assert 4.0 < volume < 7.0  # a ball of radius 1 has 4.2, the jar is taller


def test_its_charts_are_eight_unmirrored_and_apart(jar):
    charts = jar.charts
    assert charts.chart_id.max() + 1 == 8
    assert (charts.uv_areas() > 0).all()
    assert charts.uv.min() > 0.005
    assert charts.uv.max() < 0.995
    covered = TexturePlane(jar, 0).coverage(384, 384)
    # Were two charts to overlap, fewer texels than area would be covered.
    assert covered.mean() == pytest.approx(charts.uv_areas().sum(), rel=0.01)
    assert covered.mean() > 0.5


def test_paint_agrees_across_seams(jar):
    assert seam_error(jar, 0, jar.atlases[0].stored) < 6.0
    shuffled = jar.atlases[0].stored[::-1].copy()
    assert seam_error(jar, 0, shuffled) > 20.0


def test_the_seed_sets_the_strokes():
    one, two = (make_jar(96, np.random.default_rng(s)).atlases[0].stored for s in (1, 1))
    assert (one == two).all()
    assert (one != make_jar(96, np.random.default_rng(2)).atlases[0].stored).any()


def test_geometry_alone_has_a_blank_atlas():
    plain = make_jar(64, np.random.default_rng(0), paint=False)
    assert (plain.atlases[0].stored == plain.atlases[0].stored[0, 0]).all()


def test_make_sample_replaces_the_capture_and_leaves_the_rest(tmp_path, monkeypatch):
    small = replace(SETTINGS, photo_size_px=48, num_photos=2)
    monkeypatch.setattr("texsr.assets.make_sample.SETTINGS", small)
    (tmp_path / "README.md").write_text("mine")
    for _ in range(2):
        make_sample(tmp_path, truth_tx=64)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["README.md", "capture", "truth"]
    with Image.open(tmp_path / "capture" / "atlas.png") as low:
        assert low.size == (16, 16)


def test_the_shipped_sample_is_whole_small_and_hard_enough():
    files = [path for path in SAMPLE.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MAX_BYTES
    surface = read_textured_mesh(SAMPLE / "capture" / "mesh.obj", root=SAMPLE / "capture")
    low = surface.atlases[0].stored
    truth = np.asarray(Image.open(SAMPLE / "truth" / "atlas.png"))
    mask = np.asarray(Image.open(SAMPLE / "truth" / "mask.png")) > 127
    assert truth.shape[0] == 4 * low.shape[0]
    assert mask.mean() > 0.5
    baseline = measure(truth, truth, mask, low=low).bicubic
    assert 15.0 < baseline.psnr_y < 30.0, "detail that bicubic cannot bring back"
    shots = read_colmap(SAMPLE / "capture" / "sparse" / "0").shots
    assert len(shots) == SETTINGS.num_photos
    for shot in shots:
        with Image.open(SAMPLE / "capture" / "images" / shot.name) as photo:
            assert photo.size == (shot.lens.width_px, shot.lens.height_px)
