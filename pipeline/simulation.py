"""What kind of capture to simulate, and what came of it."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from texsr.pipeline.errors import SettingsError

MAX_DRAWN_SHARPENING = 0.8
SOMEWHAT_LIT = 0.3  # of careful captures
LIT = 0.7  # of drawn captures may have uneven light; a few of these draw none after all
MIN_PHOTO_PX, MAX_PHOTO_PX = 32, 8192


class LowAtlas(StrEnum):
    """Where the capture's own atlas comes from."""

    REDUCED = "reduced"  # the truth, reduced by antialiased bicubic
    BAKED = "baked"  # blended from the photos, as a photogrammetry program would


class CameraFile(StrEnum):
    """How the cameras are written."""

    COLMAP = "colmap"
    TRANSFORMS = "transforms"


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateSettings:
    """What kind of capture to make. The defaults are those of a careful person with a phone."""

    scale: int = 4
    """Truth texels per low texel and axis."""
    atlas: LowAtlas = LowAtlas.REDUCED
    """Where the low atlas comes from."""
    cameras: CameraFile = CameraFile.COLMAP
    """How the cameras are written."""
    num_photos: int = 12
    """Photos, spread around the object."""
    px_per_texel: float = 0.7
    """Photo pixels per truth texel, median over the surface; sets the photos' size."""
    photo_size_px: int | None = None
    """Side of the square photos; None: what `px_per_texel` asks for."""
    max_photo_px: int = MAX_PHOTO_PX
    """Photos are not made larger than this to sample the texels as wanted."""
    field_of_view_deg: float = 40.0
    """Across a photo."""
    max_elevation_deg: float = 60.0
    """How far above and below the horizon (z is up) the cameras stand."""
    exposure: float = 0.10
    """Largest deviation of a photo's brightness from 1."""
    white_balance: float = 0.03
    """Largest deviation of a channel of a photo from its brightness."""
    noise: float = 2.0
    """Standard deviation of the sensor's noise, in 1/255."""
    jpeg_quality: int = 94
    """Of the photos."""
    pose_error_px: float = 0.3
    """Standard deviation of the reprojection error of the poses that are written."""
    defocus_px: float = 0.0
    """Sigma of a gaussian blur of every photo."""
    shake_px: float = 0.0
    """Length of a motion blur of every photo, each in its own direction."""
    sharpening: float = 0.0
    """Share of a photo's finest detail that the camera adds once more, noise included."""
    radial_k1: float = 0.0
    """Radial distortion of the lens; needs `cameras` = transforms."""
    masks: bool = False
    """Write silhouettes, and replace what is behind the object by noise."""
    shading: float = 0.0
    """Share of the light that comes from a lamp, not from all around. Computed in linear light from
    interpolated normals, without shadows; each photo is exposed for its own bright parts."""
    moving_lamp: bool = False
    """The lamp stands elsewhere for every photo, as if the object were turned; else it stands."""
    flash: float = 0.0
    """Share of the light that comes from a flash on the camera: falls off with the cosine and the
    square of the distance, linear light."""
    highlight: float = 0.0
    """Peak of a highlight that moves with lamp, flash and camera, 1 is white; added in linear light
    and clipped. How wide it is, is drawn once."""
    vignetting: float = 0.0
    """Light lost in the corners of a photo; grows with the square of the distance from the
    middle. Applied to encoded colour by the curve 1/2.2."""
    vary: bool = False
    """Draw defocus and shake of each photo from 0 to what is set, and its JPEG quality from
    10 less to what is set."""
    roughness: float = 0.0
    """Largest displacement of the mesh that is written from the one photographed, along normals
    and smooth, as a share of the bounding box's diagonal."""
    decoys: int = 0
    """Further photos, among the others, that do not show what their camera sees: the object under
    another texture, from another side, or nothing."""
    supersample: int = 2
    """Rays per photo pixel and axis."""

    @classmethod
    def drawn(cls, rng: np.random.Generator, scale: int = 4) -> "SimulateSettings":
        """Draw a capture as people really take them, from careful to careless.

        A third have even light; the others a lamp, a flash, highlights or several of these.

        Args:
            rng: the same state gives the same settings.
            scale: truth texels per low texel and axis.
        """
        draw = rng.uniform
        lit = rng.uniform() < LIT
        careless = float(rng.uniform())  # of one photographer: bad focus and bad poses go together

        def at_times(often: float, low: float, high: float) -> float:
            value = float(draw(low, high))
            return value if draw() < often else 0.0

        return cls(
            scale=scale,
            num_photos=int(rng.integers(6, 20, endpoint=True)),
            px_per_texel=float(draw(0.3, 1.2)),
            field_of_view_deg=float(draw(28.0, 62.0)),
            max_elevation_deg=float(draw(35.0, 75.0)),
            exposure=float(draw(0.0, 0.25)),
            white_balance=float(draw(0.0, 0.08)),
            noise=float(np.exp(draw(np.log(0.5), np.log(1.5 + 2.5 * careless)))),
            jpeg_quality=int(rng.integers(85, 97, endpoint=True)),
            pose_error_px=float(draw(0.2, 0.4 + 0.6 * careless)),
            defocus_px=at_times(0.8 * careless, 0.0, 1.0),
            shake_px=at_times(0.7 * careless, 0.0, 1.5),
            masks=bool(draw() < 0.2),
            shading=at_times(0.7 * lit, 0.1, 0.9),
            moving_lamp=bool(draw() < 0.5),
            flash=at_times(0.5 * lit, 0.2, 1.0),
            highlight=at_times(0.6 * lit, 0.05, 0.6),
            vignetting=at_times(0.5, 0.0, 0.3),
            vary=True,
            roughness=at_times(0.8, 0.0, 0.004 * careless),
            decoys=int(rng.integers(1, 2, endpoint=True)) if draw() < 0.15 else 0,
            sharpening=at_times(0.5, 0.0, MAX_DRAWN_SHARPENING),
        )

    @classmethod
    def careful(cls, rng: np.random.Generator, scale: int = 4) -> "SimulateSettings":
        """Draw a capture as somebody takes it who knows how: sharp, well posed, in even light.

        Args:
            rng: the same state gives the same settings.
            scale: truth texels per low texel and axis.
        """
        draw = rng.uniform
        return cls(
            scale=scale,
            num_photos=int(rng.integers(8, 16, endpoint=True)),
            px_per_texel=float(np.exp(draw(np.log(0.35), np.log(1.1)))),
            field_of_view_deg=float(draw(28.0, 55.0)),
            max_elevation_deg=float(draw(40.0, 70.0)),
            exposure=float(draw(0.0, 0.15)),
            white_balance=float(draw(0.0, 0.05)),
            noise=float(np.exp(draw(np.log(0.7), np.log(2.5)))),
            jpeg_quality=int(rng.integers(91, 97, endpoint=True)),
            pose_error_px=float(draw(0.15, 0.4)),
            shading=float(draw(0.05, 0.3)) if draw() < SOMEWHAT_LIT else 0.0,
            vignetting=float(draw(0.0, 0.15)) if draw() < SOMEWHAT_LIT else 0.0,
            sharpening=float(draw(0.0, MAX_DRAWN_SHARPENING)) if draw() < 0.5 else 0.0,
        )

    def __post_init__(self) -> None:
        limits = {
            "scale": (2, 8),
            "num_photos": (1, 999),
            "px_per_texel": (0.01, 10.0),
            "photo_size_px": (MIN_PHOTO_PX, MAX_PHOTO_PX),
            "max_photo_px": (MIN_PHOTO_PX, MAX_PHOTO_PX),
            "field_of_view_deg": (1.0, 120.0),
            "max_elevation_deg": (0.0, 90.0),
            "exposure": (0.0, 0.9),
            "white_balance": (0.0, 0.9),
            "noise": (0.0, 128.0),
            "jpeg_quality": (1, 100),
            "pose_error_px": (0.0, 100.0),
            "defocus_px": (0.0, 50.0),
            "shake_px": (0.0, 50.0),
            "sharpening": (0.0, 5.0),
            "radial_k1": (-0.3, 0.3),
            "shading": (0.0, 1.0),
            "flash": (0.0, 1.0),
            "highlight": (0.0, 1.0),
            "vignetting": (0.0, 0.9),
            "roughness": (0.0, 0.05),
            "decoys": (0, 999),
            "supersample": (1, 8),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise SettingsError(
                    f"simulate, {name}",
                    found=f"{value:g}",
                    expected=f"a number from {low:g} to {high:g}",
                    remedy="leave it out for the default",
                )
        if self.radial_k1 != 0.0 and self.cameras is not CameraFile.TRANSFORMS:
            raise SettingsError(
                "simulate, radial_k1",
                found=f"{self.radial_k1:g} with cameras written as {self.cameras}",
                expected="transforms.json, which can tell it",
                remedy=f"set cameras to {CameraFile.TRANSFORMS}",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Where a simulated capture went, and how hard it is."""

    capture: Path
    truth: Path
    photo_size_px: int
    px_per_texel: float  # median over the surface
    share_covered: float  # of the truth's texels
    decoys: tuple[str, ...] = ()  # photos that mislead, by name
