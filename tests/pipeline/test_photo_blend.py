"""Atlases baked from photos, on surfaces whose colour is known everywhere."""

import numpy as np

from tests.scene_cameras import look_at, orbit
from tests.scenes import Shape, make_scene, waves
from texsr.pipeline import photo_blend
from texsr.pipeline.photo_blend import blend_photos

SMOOTH = waves(cycles_per_unit=0.6)


def blended(scene, size: int, supersample: int = 2):
    shots = [(v.camera, p.color) for v, p in zip(scene.views, scene.photos, strict=True)]
    return blend_photos(scene.surface, shots, height=size, width=size, supersample=supersample)


def test_a_baked_atlas_has_the_color_of_the_surface():
    scene = make_scene(
        Shape.CUBE, low_tx=32, scale=1, cameras=orbit(10, size_px=120), color_of=SMOOTH
    )
    color, seen = blended(scene, 32)
    inner = seen & scene.covered
    assert inner.sum() > 0.9 * scene.covered.sum()
    assert np.abs(color - scene.truth)[inner].mean() < 0.02


def test_texels_that_no_photo_faces_stay_empty():
    above = [look_at((0.3, 0.2, 5.0), size_px=96, focal=1.5)]
    scene = make_scene(Shape.CUBE, low_tx=24, scale=1, cameras=above, color_of=SMOOTH)
    color, seen = blended(scene, 24)
    # One of six sides, and nothing of the others at less than 81 degrees.
    assert 0.8 / 6 < seen.sum() / scene.covered.sum() < 1.3 / 6
    assert (color[~seen] == 0).all()


def test_bands_change_nothing(monkeypatch):
    scene = make_scene(
        Shape.SPHERE, low_tx=20, scale=1, cameras=orbit(3, size_px=48), color_of=SMOOTH
    )
    whole = blended(scene, 20)
    real = photo_blend.bands
    monkeypatch.setattr(photo_blend, "bands", lambda h, w: real(h, w, texels=3 * w))
    banded = blended(scene, 20)
    np.testing.assert_array_equal(whole[0], banded[0])
    np.testing.assert_array_equal(whole[1], banded[1])
