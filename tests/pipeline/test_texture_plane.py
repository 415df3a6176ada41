"""The flat surface under an atlas."""

import numpy as np
from scipy.ndimage import distance_transform_edt

from tests.scene_variants import with_empty_faces, with_stacked_uvs
from tests.scenes import Shape, make_scene
from texsr.pipeline import texture_plane
from texsr.pipeline.atlas import uv_to_texel
from texsr.pipeline.texture_plane import TexturePlane, bands, texel_centres, with_gutter


def test_coverage_is_where_texel_centres_lie_on_charts():
    scene = make_scene(Shape.SPHERE, low_tx=24, cameras=[])
    covered = TexturePlane(scene.surface, 0).coverage(*scene.covered.shape)
    assert (covered ^ scene.covered).mean() < 0.002
    assert not TexturePlane(scene.surface, 1).coverage(8, 8).any()


def test_face_and_weights_lead_back_to_the_point():
    scene = with_empty_faces(make_scene(Shape.CUBE, low_tx=16, cameras=[]))
    charts = scene.surface.charts
    uv = texel_centres(slice(3, 40), height=64, width=64)
    face_id, bary = TexturePlane(scene.surface, 0).under(uv)
    on = face_id >= 0
    assert 0.4 < on.mean() < 1.0
    weights = np.concatenate([bary, 1 - bary.sum(axis=1, keepdims=True)], axis=1)[on]
    back = (charts.uv[charts.uv_faces[face_id[on]]] * weights[..., None]).sum(axis=1)
    np.testing.assert_allclose(back, uv[on], atol=1e-6)


def test_one_of_stacked_charts_answers():
    plain = make_scene(Shape.CUBE, low_tx=16, cameras=[])
    lower = int(np.flatnonzero(plain.surface.charts.chart_id == 0)[0])
    scene = with_stacked_uvs(plain, upper=1, lower=0)
    charts = scene.surface.charts
    middle = charts.uv[charts.uv_faces[lower]].mean(axis=0)
    claims = (charts.uv_faces == charts.uv_faces[lower]).all(axis=1)
    face_id, _ = TexturePlane(scene.surface, 0).under(middle[None])
    assert claims.sum() == 2
    assert claims[face_id[0]]


def test_texel_centres_are_those_of_the_texel_plane():
    uv = texel_centres(slice(2, 4), height=5, width=3)
    expected = [[x + 0.5, y + 0.5] for y in (2, 3) for x in range(3)]
    np.testing.assert_allclose(uv_to_texel(uv, height_tx=5, width_tx=3), expected)


def test_gutters_repeat_the_nearest_covered_texel_and_stop(monkeypatch):
    rng = np.random.default_rng(0)
    covered = np.zeros((60, 40), bool)
    covered[10:25, 5:20] = covered[40:50, 15:35] = True
    image = rng.integers(1, 256, (60, 40, 3), dtype=np.uint8)
    distance, nearest = distance_transform_edt(~covered, return_indices=True)
    reached = distance <= 6
    expected = np.where(reached[..., None], image[tuple(nearest)], image)
    ties = np.zeros_like(covered)  # two sources equally near may be told apart either way
    whole = with_gutter(image, covered, gutter_tx=6)
    ties |= (whole != expected).any(axis=2)
    assert ties.mean() < 0.02
    assert (whole[covered] == image[covered]).all()
    assert (whole[~reached] == image[~reached]).all()
    monkeypatch.setattr(texture_plane, "BAND_TEXELS", 40 * 7)
    banded = texture_plane.with_gutter(image, covered, gutter_tx=6)
    assert (banded != whole).any(axis=2).mean() < 0.02


def test_bands_cut_every_row_once():
    cut = [row for rows in bands(101, 7, texels=30) for row in range(rows.start, rows.stop)]
    assert cut == list(range(101))
