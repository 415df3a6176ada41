"""A surface, and a camera with all its faults to photograph it with."""

from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import final

import numpy as np
from jaxtyping import Bool, Float32, UInt8, UInt16

from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.camera import Camera
from texsr.pipeline.lighting import Lighting, corner_normals, lit_points, relit
from texsr.pipeline.noise import (
    color_drift,
    defocus,
    jpeg_bytes,
    miscalibrated,
    noise_picture,
    sensor_noise,
    shake,
    sharpened,
    vignetted,
)
from texsr.pipeline.scene import Paint, Scene, paint_from
from texsr.pipeline.simulation import SimulateSettings
from texsr.pipeline.through_lens import bent, widened

Stored = UInt8[np.ndarray, "h w c"] | UInt16[np.ndarray, "h w c"]
Picture = Float32[np.ndarray, "h w 3"]
Share = Float32[np.ndarray, "h w 1"]

BACKGROUND = np.full(3, 0.42, np.float32)
SOLID_SHARE = 0.999  # of a pixel, to count as silhouette
HALF_A_NINTH = 1 / 18  # the mean of nine pixels is 0, or at least 1/9 and rounding
JPEG_SPREAD = 10  # by which the quality of varied photos differs


class Shows(Enum):
    """What a photo shows."""

    SURFACE = "surface"
    OTHER_TEXTURE = "other texture"  # the same shape, printed with something else
    NOTHING = "nothing"  # blotches, as of a wall or a hand before the lens


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
        self.surface = surface
        self._scene = Scene(surface)
        self._texture = texture
        self._paint = paint_from([texture])
        self._settings = settings

    def ideal(self, camera: Camera) -> UInt8[np.ndarray, "h w 3"]:
        """Take a faultless photo in even light."""
        color, share = self._draw(camera, self._paint, None)
        picture = color * share + BACKGROUND * (1.0 - share)
        return np.rint(np.clip(picture, 0.0, 1.0) * 255).astype(np.uint8)

    def take(
        self,
        camera: Camera,
        rng: np.random.Generator,
        lighting: Lighting | None = None,
        shows: Shows = Shows.SURFACE,
    ) -> Taken:
        """Take a photo as the settings say.

        Args:
            camera: where it is taken from.
            rng: draws its faults.
            lighting: of this photo; None: even light.
            shows: what stands before the camera.
        """
        # A stream of its own, so that what is drawn from it leaves all other draws as they were.
        settings = self._drawn(rng.spawn(1)[0])
        color, share = self._seen(camera, lighting, shows)
        picture = color * share + self._behind(camera, rng, shows) * (1.0 - share)
        if settings.vignetting > 0:
            picture = vignetted(picture, strength=settings.vignetting)
        if settings.defocus_px > 0:
            picture = defocus(picture, sigma_px=settings.defocus_px)
        if settings.shake_px > 0:
            picture = shake(picture, rng, length_px=settings.shake_px)
        picture = picture * color_drift(
            rng, exposure=settings.exposure, white_balance=settings.white_balance
        )
        picture = sensor_noise(picture, rng, sigma=settings.noise / 255)
        if settings.sharpening > 0:
            picture = sharpened(picture, amount=settings.sharpening)
        away = float(np.linalg.norm(camera.centre - self._scene.caster.centre))
        told = miscalibrated(camera, rng, error_px=settings.pose_error_px, distance=away)
        return Taken(
            jpeg=jpeg_bytes(picture, quality=settings.jpeg_quality),
            silhouette=share[..., 0] >= SOLID_SHARE,
            told=told,
        )

    def _drawn(self, rng: np.random.Generator) -> SimulateSettings:
        """Give the settings of one photo."""
        settings = self._settings
        if not settings.vary:
            return settings
        best = settings.jpeg_quality
        return replace(
            settings,
            defocus_px=settings.defocus_px * rng.uniform(),
            shake_px=settings.shake_px * rng.uniform(),
            jpeg_quality=int(rng.integers(max(1, best - JPEG_SPREAD), best, endpoint=True)),
        )

    def _draw(
        self, camera: Camera, paint: Paint, lighting: Lighting | None
    ) -> tuple[Picture, Share]:
        """Draw colour and share; light is computed once a pixel, at its centre."""
        drawn = self._scene.draw([paint], camera, supersample=self._settings.supersample)[0]
        share = drawn.share[..., None]
        if lighting is None or not drawn.hit.any():
            return drawn.color, share
        lit = lit_points(drawn, camera, self._corners, self._scene.caster.centre)
        light = np.zeros((*drawn.hit.shape, 2), np.float32)
        light[drawn.hit] = np.stack([lighting.diffuse(lit), lighting.mirrored(lit)], axis=1)
        covered = drawn.share > 0
        diffuse, mirrored = _spilled(light, drawn.hit, covered)[covered].T
        color = drawn.color.copy()
        color[covered] = relit(color[covered], diffuse, mirrored)
        return color, share

    def _seen(
        self, camera: Camera, lighting: Lighting | None, shows: Shows
    ) -> tuple[Picture, Share]:
        """Draw through the lens: colour of the surface, and the share of the pixel it covers."""
        if shows is Shows.NOTHING:
            size = (camera.height_px, camera.width_px)
            return np.zeros((*size, 3), np.float32), np.zeros((*size, 1), np.float32)
        paint = self._other_paint if shows is Shows.OTHER_TEXTURE else self._paint
        k1 = self._settings.radial_k1
        if k1 == 0.0:
            return self._draw(camera, paint, lighting)
        wide = widened(camera, k1)
        color, share = self._draw(wide, paint, lighting)
        weighted = np.concatenate([color * share, share], axis=2)
        photo = bent(weighted, wide, camera, k1)
        share = photo[..., 3:]
        total = photo[..., :3]
        return np.divide(total, share, out=np.zeros_like(total), where=share > 0), share

    def _behind(self, camera: Camera, rng: np.random.Generator, shows: Shows) -> Picture:
        size = (camera.height_px, camera.width_px)
        if self._settings.masks or shows is Shows.NOTHING:
            return noise_picture(rng, *size).astype(np.float32) / np.float32(255)
        return np.broadcast_to(BACKGROUND, (*size, 3))

    @cached_property
    def _corners(self) -> Float32[np.ndarray, "f 3 3"]:
        return corner_normals(self.surface.mesh)

    @cached_property
    def _other_paint(self) -> Paint:
        """The texture turned by half: as fine, but nothing is where it was."""
        return paint_from([np.ascontiguousarray(self._texture[::-1, ::-1])])


def _spilled(
    light: Float32[np.ndarray, "h w c"],
    known: Bool[np.ndarray, "h w"],
    wanted: Bool[np.ndarray, "h w"],
) -> Float32[np.ndarray, "h w c"]:
    """Give outline pixels, whose centre misses the surface, the mean light of those around them."""
    from scipy.ndimage import uniform_filter

    missing = wanted & ~known
    weight = uniform_filter(known.astype(np.float32), 3)[missing]
    filled = light.copy()
    for channel in range(light.shape[2]):
        total = uniform_filter(light[..., channel], 3)[missing]
        # A sliver that no centre meets takes the light of the whole.
        filled[missing, channel] = np.divide(
            total,
            weight,
            out=np.full_like(total, light[known, channel].mean()),
            where=weight > HALF_A_NINTH,
        )
    return filled
