"""Other paint on a shape: over all of the atlas, nothing else changed, from the seed alone."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.scenes import Shape, make_scene
from texsr.flows import repainting
from texsr.flows.repainting import repainted
from texsr.pipeline.atlas import TexturedMesh

MARK = (200, 30, 90)


@pytest.fixture
def surface(tmp_path) -> TexturedMesh:
    return make_scene(Shape.PLANE, root=tmp_path).capture.surface


@pytest.fixture
def pictures(tmp_path) -> list[Path]:
    path = tmp_path / "plain.png"
    Image.new("RGB", (900, 300), MARK).save(path)
    return [path]


def test_paint_covers_the_atlas_and_the_shape_stays(surface, pictures, rng, monkeypatch):
    monkeypatch.setattr(repainting, "PRINT_ODDS", 0.0)
    painted = repainted(surface, pictures, rng)
    assert painted.mesh is surface.mesh
    assert painted.charts is surface.charts
    stored = painted.atlases[0].stored
    assert stored.shape[:2] == surface.atlases[0].stored.shape[:2]
    assert bool((stored == np.array(MARK, np.uint8)).all())


def test_without_pictures_it_is_print(surface, rng):
    stored = repainted(surface, [], rng).atlases[0].stored
    assert len(np.unique(stored.reshape(-1, 3), axis=0)) > 3


def test_the_same_state_gives_the_same_paint(surface, pictures):
    one, same, other = (
        repainted(surface, pictures, np.random.default_rng(seed)).atlases[0].stored
        for seed in (1, 1, 2)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
