"""What comes in: views, photos, captures."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np
from jaxtyping import Bool, UInt8

from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.camera import Camera
from texsr.pipeline.errors import TexsrError
from texsr.pipeline.lens import Lens


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A camera and the name of its photo. It names pixels and does not hold them."""

    name: str  # as the camera file names it
    camera: Camera  # of the photo after lens distortion is removed
    lens: Lens  # of the photo as it is on disk
    photo_path: Path
    mask_path: Path | None
    second_set: bool = False  # from the second photo set of capture.toml


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Photo:
    """The pixels of a view, lens distortion removed."""

    color: UInt8[np.ndarray, "h w 3"]  # sRGB-encoded
    valid: Bool[np.ndarray, "h w"]  # false where masked (eroded) or outside the lens


class Severity(Enum):
    """How much a finding matters."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something worth telling about a capture that does not stop the work."""

    severity: Severity
    where: str
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """A view that cannot be used, and why."""

    name: str
    reason: TexsrError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Capture:
    """Everything measured of one object."""

    root: Path
    surface: TexturedMesh
    views: tuple[View, ...]
    left_out: tuple[LeftOut, ...]
    findings: tuple[Finding, ...]
    cameras_path: Path  # the camera file or folder that was taken
    unit_m: float | None  # metres per capture unit, where known
    scale: float | None = None  # wished for in capture.toml
    mask_erosion_px: int = 3  # how far from a mask's border a pixel is trusted
