"""Crops of photos that are turned as the atlas lies show the surface's own colours."""

import numpy as np
import pytest

from tests.scene_cameras import look_at, rolled
from tests.scenes import CHART_MARGIN, endless, waves
from texsr.pipeline.capture import Photo
from texsr.pipeline.pyramid import PhotoPyramid
from texsr.pipeline.stages.reference import box_around, turned_crop
from texsr.pipeline.tile import Region
from texsr.pipeline.turn import Turn, fit_turn

SIDE_TX = 64  # of the atlas
CHART_TX = SIDE_TX * (1 - 2 * CHART_MARGIN) / 2  # texels to a unit of the plane


def on_plane(texel: np.ndarray) -> np.ndarray:
    """Where on the plane z = 0, made endless, texels lie."""
    right, down = (texel - SIDE_TX / 2).T / CHART_TX
    return np.stack([right, -down, np.zeros(len(texel))], axis=1)


@pytest.mark.parametrize("side", [1.0, -1.0], ids=["as the atlas", "mirrored"])
@pytest.mark.parametrize("roll", [0.0, 0.7, np.pi / 2, 2.9])
@pytest.mark.parametrize("px_per_texel", [0.7, 1.0, 2.4])
def test_a_turned_crop_of_a_plane_is_its_truth(px_per_texel, roll, side):
    """To 2/255 everywhere, however the camera was held; from behind, the plane is mirrored."""
    size_px = 240
    focal = px_per_texel * CHART_TX * 3.0 / size_px
    camera = rolled(look_at((0, 0, 3.0 * side), size_px=size_px, focal=focal), roll)
    color_of = waves(cycles_per_unit=2.5)
    photo = endless(camera, color_of)
    texel = np.argwhere(np.ones((40, 30), bool))[:, ::-1] + [8.5, 12.5]
    px, _ = camera.project(on_plane(texel))
    turn = fit_turn(px, texel)
    assert turn.mirrored == (side < 0)
    assert turn.tx_per_px == pytest.approx(1 / px_per_texel)
    np.testing.assert_allclose(turn.applied(px), texel, atol=1e-6)
    box = box_around(turn.applied(px))
    assert box.width >= np.ptp(texel[:, 0]) * 1.2
    cut = turned_crop(PhotoPyramid(photo), turn, box).permute(1, 2, 0).numpy()
    wanted = np.argwhere(np.ones((box.height, box.width), bool))[:, ::-1] + [box.x, box.y] + 0.5
    expected = color_of(on_plane(wanted)).reshape(box.height, box.width, 3)
    assert np.abs(cut - expected).max() * 255 < 2.0


def test_a_turned_crop_of_a_much_finer_photo_does_not_alias(rng):
    """Grain of the size of a pixel disappears where four of them span a texel."""
    grain = rng.integers(0, 2, (160, 160, 1)) * 200 + np.zeros((1, 1, 3))
    photo = Photo(color=grain.astype(np.uint8), valid=np.ones((160, 160), bool))
    turn = Turn(linear=np.array([[0.0, -0.25], [0.25, 0.0]]), offset=np.zeros(2))
    cut = turned_crop(PhotoPyramid(photo), turn, Region(x=-38, y=2, width=36, height=36))
    assert float(cut.std()) * 255 < grain.std() / 3
    assert float(cut.mean()) * 255 == pytest.approx(grain.mean(), abs=4.0)


def test_what_a_turned_crop_lacks_has_the_mean_colour():
    """Neither masked pixels nor the border of the photo, drawn out, are to be matched."""
    color = np.zeros((20, 20, 3), np.uint8)
    color[:] = np.arange(20, dtype=np.uint8)[None, :, None] * 10
    valid = np.ones((20, 20), bool)
    valid[:, 10:] = False
    still = Turn(linear=np.eye(2), offset=np.array([5.0, 5.0]))
    box = Region(x=0, y=0, width=30, height=30)
    cut = turned_crop(PhotoPyramid(Photo(color=color, valid=valid)), still, box)[0].numpy() * 255
    np.testing.assert_allclose(cut[5:25, 5:15], color[:, :10, 0], atol=1e-3)
    inside = np.zeros((30, 30), bool)
    inside[5:25, 5:15] = True
    np.testing.assert_allclose(cut[~inside], 45.0, atol=1e-3)


def test_a_box_is_cut_around_its_middle():
    points = np.array([[0.0, 0.0], [100.0, 20.0]])
    assert box_around(points) == Region(x=-12, y=-12, width=124, height=44)
    assert box_around(points, 60) == Region(x=20, y=-12, width=60, height=44)
