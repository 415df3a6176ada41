"""Pictures of a result: for its report, and as a preview of its own."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from texsr.flows.artifacts import PREVIEW
from texsr.flows.manifest import find_capture, read_manifest
from texsr.flows.progress import Progress, silent
from texsr.flows.provenance import provenance_paths
from texsr.flows.scoring import read_capture_surface, read_result
from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.capture import Capture
from texsr.pipeline.errors import OutputError
from texsr.pipeline.facing import Facing
from texsr.pipeline.formats.images import read_image
from texsr.pipeline.picture import Picture
from texsr.pipeline.scene import Texture
from texsr.pipeline.stages.load import load_capture
from texsr.pipeline.stages.preview import (
    PreviewFiles,
    PreviewSettings,
    PreviewTextures,
    change_pictures,
    make_preview,
)

REPORT_CROPS = 3  # each takes half a second


def report_pictures(capture: Capture, textures: Sequence[Texture]) -> list[Picture]:
    """Give before/after crops of where a run changed the most."""
    before = [atlas.stored for atlas in capture.surface.atlases]
    settings = PreviewSettings(num_crops=REPORT_CROPS, facing=_facing(capture))
    return change_pictures(capture.surface, before, textures, settings)


def preview_result(
    result: Path,
    *,
    capture: Path | None = None,
    out: Path | None = None,
    num_frames: int = PreviewSettings.num_frames,
    progress: Progress = silent,
) -> PreviewFiles:
    """Write turntable, crops and the page of a result.

    Args:
        result: the directory of a finished run.
        capture: where its capture is, if it was moved.
        out: None: RESULT/preview. An existing directory is written into.
        num_frames: turntable pictures in a full turn.

    Raises:
        TexsrError: the result or its capture cannot be read, or `out` cannot be written.
    """
    root = find_capture(result, capture)
    loaded = load_capture(root)
    new, old = read_result(result), read_capture_surface(root, result)
    textures = PreviewTextures(
        before=[atlas.stored for atlas in old.atlases],
        after=[atlas.stored for atlas in new.atlases],
        provenance=_provenance(result, new),
    )
    settings = PreviewSettings(title=root.name, num_frames=num_frames, facing=_facing(loaded))
    place = result / PREVIEW if out is None else out
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            place,
            found=f"a place that cannot be written ({error.strerror or error})",
            expected="a directory for the pictures",
            remedy="give --out DIR on a disk that you can write to",
        ) from error
    return make_preview(old, textures, place, settings, progress)


def _provenance(result: Path, surface: TexturedMesh) -> list[UInt8[np.ndarray, "_ _ 2"]] | None:
    """Read the provenance maps, parallel to the atlases; None where they are not all there."""
    manifest = read_manifest(result)
    written = [result / name for name in manifest.outputs] if manifest is not None else []
    homes = provenance_paths(surface, written, result)
    if not all(home.is_file() for home in homes):
        return None
    return [np.asarray(read_image(home, where=home)[0], np.uint8) for home in homes]


def _facing(capture: Capture) -> Facing:
    vertices = capture.surface.mesh.vertices
    middle = (vertices.min(axis=0) + vertices.max(axis=0)) / 2
    return Facing.of([view.camera for view in capture.views], middle)
