"""Unwrapping: every face has its own place in the plane, apart from its neighbours' charts."""

import numpy as np
import pytest
from scipy import ndimage

from tests.scenes import Shape, make_surface
from texsr.pipeline.atlas import uv_to_texel
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.mesh import Charts, Mesh
from texsr.pipeline.rays import RayCaster
from texsr.pipeline.stages.unwrap import unwrap
from texsr.pipeline.texture_plane import texel_centres

GUTTER_TX = 6


@pytest.fixture(scope="module")
def sphere() -> Mesh:
    return make_surface(Shape.SPHERE, subdivisions=6)[0]


@pytest.fixture(scope="module")
def unwrapped(sphere: Mesh) -> tuple[Charts, tuple[int, int]]:
    return unwrap(sphere, size_tx=256, gutter_tx=GUTTER_TX)


def chart_plane(charts: Charts, size_tx: tuple[int, int]) -> np.ndarray:
    """The chart under each texel centre, -1 for none."""
    height, width = size_tx
    flat = np.concatenate([charts.uv, np.zeros((len(charts.uv), 1))], axis=1)
    caster = RayCaster(Mesh(vertices=flat, faces=charts.uv_faces))
    centres = texel_centres(slice(0, height), height=height, width=width)
    above = np.concatenate([centres, np.ones((len(centres), 1))], axis=1)
    hits = caster.first_hit(above, np.broadcast_to(np.array([0.0, 0.0, -1.0]), above.shape))
    return np.where(hits.face_id >= 0, charts.chart_id[hits.face_id], -1).reshape(size_tx)


def test_each_face_has_a_share_of_the_plane_that_fits_its_area(sphere, unwrapped) -> None:
    charts, (height, width) = unwrapped
    assert charts.uv_faces.shape == sphere.faces.shape
    assert charts.uv.min() >= 0
    assert charts.uv.max() <= 1
    texels = np.abs(charts.uv_areas()) * height * width
    density = texels / sphere.face_areas()
    assert density.min() > 0.25 * np.median(density)
    assert density.max() < 4 * np.median(density)


def test_no_two_faces_share_a_place(unwrapped) -> None:
    charts, size_tx = unwrapped
    plane = chart_plane(charts, size_tx)
    claimed = np.abs(charts.uv_areas()).sum() * plane.size
    assert (plane >= 0).sum() == pytest.approx(claimed, rel=0.02)


def test_charts_stay_apart_by_the_gutter(unwrapped) -> None:
    charts, size_tx = unwrapped
    plane = chart_plane(charts, size_tx)
    assert charts.chart_id.max() > 0
    for chart in range(charts.chart_id.max() + 1):
        away = ndimage.distance_transform_edt(plane != chart)
        others = (plane >= 0) & (plane != chart)
        assert away[others].min() >= GUTTER_TX


def test_place_and_size_in_the_world_do_not_matter(sphere, unwrapped) -> None:
    moved = Mesh(vertices=sphere.vertices * 1e-3 + 5000.0, faces=sphere.faces)
    charts, size_tx = unwrap(moved, size_tx=256, gutter_tx=GUTTER_TX)
    assert charts.chart_id.max() == unwrapped[0].chart_id.max()
    assert np.abs(np.subtract(size_tx, unwrapped[1])).max() <= 16
    assert np.isfinite(uv_to_texel(charts.uv, height_tx=size_tx[0], width_tx=size_tx[1])).all()


def test_it_gives_up_in_time(sphere) -> None:
    with pytest.raises(CaptureError, match=r"unwrap: found no charts after 0\.01 s .*; expected"):
        unwrap(sphere, size_tx=256, time_limit_s=0.01)


def test_a_failure_in_the_other_process_is_told(sphere) -> None:
    broken = Mesh(vertices=sphere.vertices[:4], faces=sphere.faces)
    with pytest.raises(CaptureError, match="xatlas ended with"):
        unwrap(broken, size_tx=64)
