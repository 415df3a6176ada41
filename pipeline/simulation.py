"""What kind of capture to simulate, and what came of it."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from texsr.pipeline.errors import SettingsError

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
    radial_k1: float = 0.0
    """Radial distortion of the lens; needs `cameras` = transforms."""
    masks: bool = False
    """Write silhouettes, and replace what is behind the object by noise."""
    supersample: int = 2
    """Rays per photo pixel and axis."""

    def __post_init__(self) -> None:
        limits = {
            "scale": (2, 8),
            "num_photos": (1, 999),
            "px_per_texel": (0.01, 10.0),
            "photo_size_px": (MIN_PHOTO_PX, MAX_PHOTO_PX),
            "field_of_view_deg": (1.0, 120.0),
            "max_elevation_deg": (0.0, 90.0),
            "exposure": (0.0, 0.9),
            "white_balance": (0.0, 0.9),
            "noise": (0.0, 128.0),
            "jpeg_quality": (1, 100),
            "pose_error_px": (0.0, 100.0),
            "defocus_px": (0.0, 50.0),
            "shake_px": (0.0, 50.0),
            "radial_k1": (-0.3, 0.3),
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
