"""A surface, and a camera with all its faults to photograph it with."""

from dataclasses import dataclass
from typing import final

import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt16

from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.camera import Camera
from texsr.pipeline.noise import (
    color_drift,
    defocus,
    jpeg_bytes,
    miscalibrated,
    noise_picture,
    sensor_noise,
    shake,
)
from texsr.pipeline.scene import Rendered, Scene, paint_from
from texsr.pipeline.simulation import SimulateSettings
from texsr.pipeline.through_lens import bent, widened

Stored = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]
Picture = Float32[np.ndarray, "h w 3"]

BACKGROUND = np.full(3, 0.42, np.float32)
SOLID_SHARE = 0.999  # of a pixel, to count as silhouette


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taken:
    """A photo as it comes from the camera."""

    jpeg: bytes
    silhouette: Bool[np.ndarray, "h w"]
    told: Camera  # as calibration reports it


@final
class Studio:
    """A surface under a texture, and how photos of it are taken."""

    def __init__(self, surface: TexturedMesh, texture: Stored, settings: SimulateSettings) -> None:
        self._scene = Scene(surface)
        self._paint = paint_from([texture])
        self._settings = settings

    def ideal(self, camera: Camera) -> UInt8[np.ndarray, "h w 3"]:
        """Take a faultless photo."""
        color = self._draw(camera).over(BACKGROUND)
        return np.rint(np.clip(color, 0.0, 1.0) * 255).astype(np.uint8)

    def take(self, camera: Camera, rng: np.random.Generator) -> Taken:
        """Take a photo as the settings say."""
        settings = self._settings
        color, share = self._seen(camera)
        picture = color * share + self._behind(camera, rng) * (1.0 - share)
        if settings.defocus_px > 0:
            picture = defocus(picture, sigma_px=settings.defocus_px)
        if settings.shake_px > 0:
            picture = shake(picture, rng, length_px=settings.shake_px)
        picture = picture * color_drift(
            rng, exposure=settings.exposure, white_balance=settings.white_balance
        )
        picture = sensor_noise(picture, rng, sigma=settings.noise / 255)
        away = float(np.linalg.norm(camera.centre - self._scene.caster.centre))
        told = miscalibrated(camera, rng, error_px=settings.pose_error_px, distance=away)
        return Taken(
            jpeg=jpeg_bytes(picture, quality=settings.jpeg_quality),
            silhouette=share[..., 0] >= SOLID_SHARE,
            told=told,
        )

    def _draw(self, camera: Camera) -> Rendered:
        return self._scene.draw([self._paint], camera, supersample=self._settings.supersample)[0]

    def _seen(self, camera: Camera) -> tuple[Picture, Float32[np.ndarray, "h w 1"]]:
        """Draw through the lens: colour of the surface, and the share of the pixel it covers."""
        k1 = self._settings.radial_k1
        if k1 == 0.0:
            drawn = self._draw(camera)
            return drawn.color, drawn.share[..., None]
        wide = widened(camera, k1)
        drawn = self._draw(wide)
        share = drawn.share[..., None]
        weighted = np.concatenate([drawn.color * share, share], axis=2)
        photo = bent(weighted, wide, camera, k1)
        share = photo[..., 3:]
        total = photo[..., :3]
        return np.divide(total, share, out=np.zeros_like(total), where=share > 0), share

    def _behind(self, camera: Camera, rng: np.random.Generator) -> Picture:
        size = (camera.height_px, camera.width_px)
        if self._settings.masks:
            return noise_picture(rng, *size).astype(np.float32) / np.float32(255)
        return np.broadcast_to(BACKGROUND, (*size, 3))
