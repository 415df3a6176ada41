"""What can make an image larger, under one roof: so that all are measured alike."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, final, runtime_checkable

import numpy as np
from jaxtyping import UInt8, UInt16

from texsr.flows.atlas_job import AtlasJob
from texsr.flows.photo_stances import photo_of
from texsr.flows.pictures import enlarge_picture, references_for
from texsr.flows.progress import Progress
from texsr.flows.scene import Scene
from texsr.flows.settings import ReferenceForm, RunSettings
from texsr.flows.single_image import Network, enlarge
from texsr.pipeline.capture import Capture
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.errors import SettingsError
from texsr.pipeline.resample import resize
from texsr.pipeline.stages.superresolve import MatchesPhotos, Upscaler

Stored = UInt8[np.ndarray, "_ _ _"] | UInt16[np.ndarray, "_ _ _"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Subject:
    """An image to make larger."""

    name: str
    low: Stored
    scale: int
    capture: Capture | None  # whose only atlas `low` is; None: a picture without a surface
    photos: tuple[Stored, ...] = ()  # that show what a picture shows; nothing aligns them


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Enlarged:
    """What a method made of a subject."""

    high: Stored  # may be a memory map
    confidence: UInt8[np.ndarray, "_ _"] | None = None


@runtime_checkable
class Method(Protocol):
    """A way to make an image larger."""

    @property
    def name(self) -> str:
        """As tables call it; each has its own."""
        ...

    def __call__(self, subject: Subject, work_dir: Path, progress: Progress) -> Enlarged:
        """Do it; `work_dir` is empty and lasts as long as the answer is needed."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Bicubic:
    """Pillow's bicubic enlargement, rounded once for atlases, as `measure` does."""

    name: str = "bicubic"

    def __call__(self, subject: Subject, work_dir: Path, progress: Progress) -> Enlarged:
        """Enlarge; pictures by Pillow itself, as the field does."""
        low = subject.low
        height, width = low.shape[0] * subject.scale, low.shape[1] * subject.scale
        if subject.capture is None:
            return Enlarged(high=pillow_bicubic(low, height=height, width=width))
        return Enlarged(
            high=to_integer(resize(to_float(low), height=height, width=width), low.dtype)
        )


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class SingleImage:
    """A network that looks at the low image alone."""

    name: str
    network: Network
    device: str

    def __call__(self, subject: Subject, work_dir: Path, progress: Progress) -> Enlarged:
        """Enlarge.

        Raises:
            SettingsError: the network has another scale.
        """
        if self.network.scale != subject.scale:
            raise SettingsError(
                self.name,
                found=f"a network for x{self.network.scale}",
                expected=f"one for x{subject.scale}, as {subject.name} needs",
                remedy="give the weights for this scale",
            )
        tiled = subject.capture is not None
        return Enlarged(high=enlarge(self.network, subject.low, self.device, tiled=tiled))


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpening:
    """An upscaler of ours: with photos where it can use those of the subject, else alone."""

    name: str
    upscaler: Upscaler
    device: str
    references: int | None = None  # None: as many as the upscaler wants, or as a picture has
    references_as: ReferenceForm = ReferenceForm.WARPED  # of captures; a picture's are not aligned

    @property
    def searches(self) -> bool:
        """Whether the upscaler finds by itself where a photo shows what."""
        upscaler = self.upscaler
        return isinstance(upscaler, MatchesPhotos) and upscaler.matches_photos

    def __call__(self, subject: Subject, work_dir: Path, progress: Progress) -> Enlarged:
        """Sharpen as `texsr run` does.

        Raises:
            SettingsError: the upscaler does not go as far as this scale.
        """
        if subject.capture is None:
            return Enlarged(high=self._picture(subject))
        settings = RunSettings(
            scale=subject.scale,
            references=self.references,
            references_as=self.references_as,
            device=self.device,
        )
        scene = Scene(subject.capture, settings, progress)
        job = AtlasJob(scene, 0, self.upscaler, subject.scale, work_dir)
        high, origin, _ = job.run(self.device)
        return Enlarged(high=high, confidence=origin[..., 1])

    def _picture(self, subject: Subject) -> Stored:
        """Enlarge as `texsr enlarge` does, with the first photos where it searches them."""
        count = len(subject.photos) if self.references is None else self.references
        photos = [photo_of(one) for one in subject.photos[:count]] if self.searches else []
        low, scale = subject.low[..., :3], subject.scale
        laid = references_for(low, photos, self.upscaler, scale)
        references = None if laid is None else laid.references
        return enlarge_picture(low, self.upscaler, scale, self.device, references=references)


def pillow_bicubic(
    color: UInt8[np.ndarray, "_ _ 3"], *, height: int, width: int
) -> UInt8[np.ndarray, "_ _ 3"]:
    """Resize with Pillow, which the field's low images and baselines are made with.

    It differs from `texsr.pipeline.resample` by rounding to 8 bits between rows and columns.
    """
    from PIL import Image

    picture = Image.fromarray(np.ascontiguousarray(color))
    return np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
