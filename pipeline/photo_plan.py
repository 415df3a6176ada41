"""Which photos a simulated capture has: in what light each is taken, and which ones mislead."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from texsr.pipeline.camera import Camera
from texsr.pipeline.lighting import Lighting
from texsr.pipeline.mesh import Mesh
from texsr.pipeline.simulation import SimulateSettings
from texsr.pipeline.studio import Shows
from texsr.pipeline.viewpoints import around


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedPhoto:
    """A photo to take, and from which stream its faults are drawn."""

    camera: Camera
    rng: np.random.Generator
    lighting: Lighting | None
    shows: Shows = Shows.SURFACE
    said: Camera | None = None  # the camera that is written; None: the true one, miscalibrated

    @property
    def misleads(self) -> bool:
        """Whether it shows something else than its camera sees."""
        return self.shows is not Shows.SURFACE or self.said is not None


def plan_photos(
    mesh: Mesh,
    cameras: Sequence[Camera],
    settings: SimulateSettings,
    rng: np.random.Generator,
) -> list[PlannedPhoto]:
    """Give each camera its light, and stand decoys among them.

    Args:
        mesh: what is photographed.
        cameras: of the honest photos, in their order.
        settings: light and number of decoys.
        rng: the honest photos draw from its first children, whatever else is asked for.
    """
    *own_rngs, shared = rng.spawn(len(cameras) + 1)
    strengths = {name: getattr(settings, name) for name in ("shading", "flash", "highlight")}
    light = Lighting.drawn(shared, **strengths) if any(strengths.values()) else None

    def planned(camera: Camera, own_rng: np.random.Generator) -> PlannedPhoto:
        moved = light
        if light is not None and settings.moving_lamp:
            moved = light.with_lamp_moved(own_rng.spawn(1)[0])
        return PlannedPhoto(camera=camera, rng=own_rng, lighting=moved)

    plan = [planned(camera, own) for camera, own in zip(cameras, own_rngs, strict=True)]
    if settings.decoys == 0:
        return plan
    elsewhere = around(
        mesh,
        shared,
        num_views=settings.decoys,
        field_of_view_deg=settings.field_of_view_deg,
        max_elevation_deg=settings.max_elevation_deg,
    )
    for camera, own in zip(elsewhere, shared.spawn(settings.decoys), strict=True):
        honest = planned(camera.scaled(float(cameras[0].width_px)), own)
        decoy = _misled(honest, cameras, shared)
        plan.insert(int(shared.integers(len(plan), endpoint=True)), decoy)
    return plan


def _misled(
    photo: PlannedPhoto, cameras: Sequence[Camera], rng: np.random.Generator
) -> PlannedPhoto:
    """Make a decoy: another texture, nothing at all, or what another camera sees."""
    match int(rng.integers(3)):
        case 0:
            return replace(photo, shows=Shows.OTHER_TEXTURE)
        case 1:
            return replace(photo, shows=Shows.NOTHING)
        case _:
            other = cameras[int(rng.integers(len(cameras)))]
            return replace(photo, camera=other, said=photo.camera)
