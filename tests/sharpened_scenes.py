"""Analytic scenes written to disk, loaded, and sharpened."""

from pathlib import Path

from tests.scene_cameras import orbit
from tests.scene_files import write_scene
from tests.scenes import Scene, Shape, make_scene, waves
from texsr.flows.settings import RunSettings
from texsr.flows.sharpen import Sharpened, sharpen
from texsr.pipeline.capture import Capture
from texsr.pipeline.stages.load import LoadSettings, load_capture


def run(capture: Capture, work: Path, **settings: object) -> Sharpened:
    work.mkdir(parents=True)
    chosen = RunSettings(**{"model": "projection", **settings})  # type: ignore[arg-type]
    return sharpen(capture, chosen, work)


def read(scene: Scene, root: Path) -> Capture:
    return load_capture(write_scene(scene, root), LoadSettings())


def waved_cube(num_photos: int = 12, *, cycles_per_unit: float = 6.0) -> Scene:
    """A cube in photos finer than its atlas; a low atlas of 3 x 2 sides."""
    return make_scene(
        Shape.CUBE,
        low_tx=48,
        cameras=orbit(num_photos, size_px=192),
        color_of=waves(cycles_per_unit=cycles_per_unit, num_waves=12),
    )
