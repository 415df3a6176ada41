import numpy as np

from tests.scenes import Shape, make_scene
from texsr.pipeline.change import find_changes
from texsr.pipeline.tile import Region


def test_the_changed_place_comes_first_and_places_stay_apart():
    scene = make_scene(Shape.PLANE, low_tx=64, cameras=[])
    before = scene.surface.atlases[0].stored
    after = np.repeat(np.repeat(before, 4, axis=0), 4, axis=1).copy()
    changed = Region(x=96, y=160, width=32, height=32)
    after[changed.slices] = 255 - after[changed.slices]
    spots = find_changes(scene.surface, [before], [after], window_tx=8, count=5)
    assert 0 < len(spots) <= 5
    assert spots[0].region.scaled(4).intersected(changed).area > 0
    assert spots[0].change > 2 * spots[-1].change
    for i, spot in enumerate(spots):
        assert all(spot.region.intersected(other.region).area == 0 for other in spots[:i])


def test_windows_keep_to_the_charts():
    scene = make_scene(Shape.CUBE, low_tx=64, cameras=[])
    before = scene.surface.atlases[0].stored
    after = before.copy()
    after[:1] = 255  # off every chart
    spots = find_changes(scene.surface, [before], [after], window_tx=8, count=4)
    assert spots
    assert max(spot.change for spot in spots) == 0.0


def test_tiny_atlases_have_windows_too():
    scene = make_scene(Shape.PLANE, low_tx=16, cameras=[])
    before = scene.surface.atlases[0].stored
    spots = find_changes(scene.surface, [before], [255 - before], window_tx=48, count=3)
    assert spots
    assert spots[0].region.width <= 16
