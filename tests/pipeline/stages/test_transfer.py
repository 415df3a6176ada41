"""Carrying an atlas across: the same surface has the same colour under any parametrisation."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.scenes import Shape, make_surface, render_atlas, waves
from texsr.pipeline.atlas import Atlas, ImageKind, TexturedMesh
from texsr.pipeline.color import to_integer
from texsr.pipeline.errors import DependencyError
from texsr.pipeline.mesh import Charts
from texsr.pipeline.stages import transfer as module
from texsr.pipeline.stages.transfer import transfer

SIDE_TX = 192
COLOR_OF = waves(cycles_per_unit=1.0)


@pytest.fixture
def needs_open3d() -> None:
    try:
        import open3d  # noqa: F401
    except (ImportError, OSError) as error:
        pytest.skip(f"Open3D lacks a system library: {error}")


def painted(
    shape: Shape, dtype: type, columns: int | None = None
) -> tuple[TexturedMesh, np.ndarray]:
    mesh, charts = make_surface(shape, subdivisions=4, num_columns=columns)
    color, covered = render_atlas(mesh, charts, COLOR_OF, size_tx=SIDE_TX)
    stored = to_integer(color, np.dtype(dtype))
    atlas = Atlas(name="a.png", path=Path("a.png"), kind=ImageKind.PNG, stored=stored)
    surface = TexturedMesh(path=Path("m.obj"), mesh=mesh, charts=charts, atlases=(atlas,))
    return surface, covered


@pytest.mark.usefixtures("needs_open3d")
@pytest.mark.parametrize(("dtype", "top"), [(np.uint8, 255), (np.uint16, 65535)])
def test_a_cube_laid_out_anew_shows_the_same_colours(dtype, top) -> None:
    source, _ = painted(Shape.CUBE, dtype)
    truth, covered = painted(Shape.CUBE, dtype, columns=2)
    made = transfer(source, truth.mesh, truth.charts, size_tx=(SIDE_TX, SIDE_TX))
    assert made.dtype == dtype
    error = np.abs(made.astype(int) - truth.atlases[0].stored)[covered] / top
    assert np.median(error) < 1 / 255
    assert np.percentile(error, 99) < 6 / 255


@pytest.mark.usefixtures("needs_open3d")
def test_onto_its_own_charts_it_changes_nothing_and_fills_gutters() -> None:
    source, covered = painted(Shape.SPHERE, np.uint8)
    made = transfer(source, source.mesh, source.charts, size_tx=(SIDE_TX, SIDE_TX), gutter_tx=3)
    same = np.abs(made.astype(int) - source.atlases[0].stored)[covered]
    assert same.max() <= 1
    gutter = made.any(axis=2) & ~covered
    assert gutter.sum() > covered.sum() * 0.05


@pytest.mark.usefixtures("needs_open3d")
def test_each_face_brings_the_colour_of_its_own_atlas() -> None:
    source, covered = painted(Shape.CUBE, np.uint8)
    halves = source.charts.chart_id % 2
    charts: Charts = replace(source.charts, material_id=halves.astype(np.int32))
    shades = tuple(
        replace(source.atlases[0], stored=np.full((8, 8, 3), shade, np.uint8))
        for shade in (40, 200)
    )
    two = replace(source, charts=charts, atlases=shades)
    made = transfer(two, source.mesh, source.charts, size_tx=(SIDE_TX, SIDE_TX))
    assert set(np.unique(made[covered])) == {40, 200}


def test_a_missing_system_library_is_named(monkeypatch) -> None:
    source, _ = painted(Shape.PLANE, np.uint8)
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(DependencyError, match=r"apt-get install .*libegl1"):
        transfer(source, source.mesh, source.charts, size_tx=(8, 8))
    assert module.DEBIAN_PACKAGES
