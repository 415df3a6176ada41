"""What all atlases of a capture share while they are worked on."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import final

import numpy as np

from texsr.flows.memory import MIB
from texsr.flows.progress import Progress
from texsr.flows.settings import RunSettings
from texsr.pipeline.atlas import TexelMap
from texsr.pipeline.capture import Capture
from texsr.pipeline.pyramid import PhotoStore
from texsr.pipeline.rays import RayCaster
from texsr.pipeline.stages.load import load_photo
from texsr.pipeline.stages.visibility import SurfacePoints, surface_points


@final
class Scene:
    """A capture made ready: rays, normals, photos at hand, a clock."""

    def __init__(self, capture: Capture, settings: RunSettings, progress: Progress) -> None:
        self.capture, self.settings, self.progress = capture, settings, progress
        self.timings_s: dict[str, float] = {}
        with self.timed("prepare"):
            self.mesh = capture.surface.mesh
            self.caster = RayCaster(self.mesh)
            self.face_normals = self.mesh.face_normals()
            self.vertex_normals = self.mesh.vertex_normals()
            self.uv_areas = np.abs(capture.surface.charts.uv_areas())
        self.cameras = [view.camera for view in capture.views]
        self.photos = PhotoStore(
            lambda index: load_photo(capture.views[index], mask_erosion_px=capture.mask_erosion_px),
            budget_bytes=settings.memory_mb * MIB // 3,
        )

    def points(self, texels: TexelMap) -> SurfacePoints:
        """Look up the surface under texels."""
        return surface_points(self.mesh, texels, self.face_normals, self.vertex_normals)

    @contextmanager
    def timed(self, stage: str) -> Generator[None]:
        """Add the time spent inside to a stage's."""
        start = time.perf_counter()
        yield
        self.timings_s[stage] = self.timings_s.get(stage, 0.0) + time.perf_counter() - start
