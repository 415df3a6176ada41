"""Which files of a capture have a say in its result."""

from collections.abc import Iterator
from pathlib import Path

from texsr.flows.job import CAPTURE_TOML
from texsr.flows.manifest import files_below
from texsr.pipeline.capture import Capture

# Files that a mesh file of this kind refers to and that lie with it.
SIDECARS = {".obj": (".mtl",), ".gltf": (".bin",)}


def input_files(capture: Capture) -> list[Path]:
    """List every file that the capture was read from, and the photos still to be read."""
    return [path for path in _candidates(capture) if path.is_file()]


def _candidates(capture: Capture) -> Iterator[Path]:
    surface = capture.surface
    yield surface.path
    wanted = SIDECARS.get(surface.path.suffix.lower(), ())
    yield from (p for p in files_below(capture.root) if p.suffix.lower() in wanted)
    yield from (atlas.path for atlas in surface.atlases if atlas.path is not None)
    if capture.cameras_path.is_dir():
        yield from files_below(capture.cameras_path)
    else:
        yield capture.cameras_path
    for view in capture.views:
        yield view.photo_path
        if view.mask_path is not None:
            yield view.mask_path
    yield capture.root / CAPTURE_TOML
