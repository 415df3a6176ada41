"""Show a result: a turntable and crops as pictures, and one page with the mesh in 3-D."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.color import to_integer
from texsr.pipeline.comparison import comparisons
from texsr.pipeline.errors import SettingsError
from texsr.pipeline.facing import Facing, turntable
from texsr.pipeline.formats.glb_writer import preview_glb
from texsr.pipeline.formats.page_textures import page_layers
from texsr.pipeline.formats.pictures import encode_png, side_by_side
from texsr.pipeline.formats.viewer_page import ViewerPage, viewer_html
from texsr.pipeline.formats.writing import write_file
from texsr.pipeline.picture import Picture
from texsr.pipeline.scene import Scene, Texture, paint_from

Progress = Callable[[str, int, int], None]

SCRIPT_BYTES = 1.5e6  # script and crops of the page
BACKDROP = np.array([0.93, 0.94, 0.95], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreviewTextures:
    """What is compared, parallel to `TexturedMesh.atlases`; memory maps are sampled in place."""

    before: Sequence[Texture]
    after: Sequence[Texture]
    provenance: Sequence[UInt8[np.ndarray, "_ _ 2"]] | None = None  # level, confidence


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PreviewSettings:
    """How much to show."""

    title: str = "texsr preview"
    """Heading of the page; usually the capture's name."""
    num_frames: int = 8
    """Turntable pictures in a full turn."""
    frame_px: int = 640
    """Width of a turntable picture."""
    num_crops: int = 6
    """Places shown from near, where the change is greatest."""
    crop_px: int = 384
    """Side of one panel of a crop."""
    page_mb: float = 15.0
    """What the page may weigh."""
    facing: Facing = field(default_factory=Facing)
    """How the object stands; `Facing.of` takes it from the cameras."""

    def __post_init__(self) -> None:
        if self.num_frames < 1 or self.frame_px < 16 or self.crop_px < 16 or self.num_crops < 0:
            raise SettingsError(
                "preview",
                found=f"{self.num_frames} frames of {self.frame_px} px and {self.num_crops} crops "
                f"of {self.crop_px} px",
                expected="at least 1 frame, no fewer than 0 crops, and pictures of 16 px or more",
                remedy="leave the options out for 8 frames and 6 crops",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewFiles:
    """What was written."""

    page: Path
    before: tuple[Path, ...]  # turntable frames
    after: tuple[Path, ...]
    pairs: tuple[Path, ...]
    crops: tuple[Path, ...]


def make_preview(
    surface: TexturedMesh,
    textures: PreviewTextures,
    out_dir: Path,
    settings: PreviewSettings,
    progress: Progress | None = None,
) -> PreviewFiles:
    """Write turntable frames, crops and the page into a directory.

    Args:
        surface: mesh and charts.
        textures: before, after and, where there is one, the provenance.
        out_dir: made if it is not there.
        settings: how much to show.
        progress: told the stage, units done and units in all.
    """
    tell = progress or _silent
    scene = Scene(surface)
    before, after, pairs = _turntable(scene, textures, out_dir / "turntable", settings, tell)
    tell("crops", 0, 1)
    shown = comparisons(
        scene,
        textures.before,
        textures.after,
        count=settings.num_crops,
        panel_px=settings.crop_px,
        up=settings.facing.up,
    )
    crops = tuple(_written(out_dir / "crops", picture) for picture in shown)
    tell("crops", 1, 1)
    tell("page", 0, 1)
    page = out_dir / "preview.html"
    write_file(page, _page(surface, textures, shown, settings).encode())
    tell("page", 1, 1)
    return PreviewFiles(page=page, before=before, after=after, pairs=pairs, crops=crops)


def change_pictures(
    surface: TexturedMesh,
    before: Sequence[Texture],
    after: Sequence[Texture],
    settings: PreviewSettings | None = None,
) -> list[Picture]:
    """Give the before/after crops alone, for a report."""
    chosen = settings or PreviewSettings()
    return comparisons(
        Scene(surface),
        before,
        after,
        count=chosen.num_crops,
        panel_px=chosen.crop_px,
        up=chosen.facing.up,
    )


def _turntable(
    scene: Scene,
    textures: PreviewTextures,
    folder: Path,
    settings: PreviewSettings,
    tell: Progress,
) -> tuple[tuple[Path, ...], ...]:
    paints = [paint_from(textures.before), paint_from(textures.after)]
    cameras = turntable(
        settings.facing,
        scene.surface.mesh.vertices[np.unique(scene.surface.mesh.faces)],
        num_frames=settings.num_frames,
        size_px=settings.frame_px,
    )
    paths: list[list[Path]] = [[], [], []]
    tell("turntable", 0, len(cameras))
    for index, camera in enumerate(cameras):
        low, high = (
            to_integer(drawn.over(BACKDROP), np.dtype(np.uint8))
            for drawn in scene.draw(paints, camera)
        )
        both = side_by_side([("before", low), ("after", high)])
        for kind, color, written in zip(
            ("before", "after", "pair"), (low, high, both), paths, strict=True
        ):
            path = folder / f"{kind}_{index:02d}.png"
            write_file(path, encode_png(color).data)
            written.append(path)
        tell("turntable", index + 1, len(cameras))
    return tuple(tuple(written) for written in paths)


def _page(
    surface: TexturedMesh,
    textures: PreviewTextures,
    crops: Sequence[Picture],
    settings: PreviewSettings,
) -> str:
    model, atlases = preview_glb(surface, settings.facing.gltf_from_world)
    room = settings.page_mb * 1e6 - SCRIPT_BYTES - len(model) * 4 / 3
    layers = page_layers(
        textures.before, textures.after, textures.provenance, atlases=atlases, room_bytes=room
    )
    faces, sizes = len(surface.mesh.faces), _sizes(textures)
    return viewer_html(
        ViewerPage(
            title=settings.title,
            subtitle=f"{faces:,} faces; {sizes}",
            footer="Made by texsr. Textures here are reduced to at most 4096 texels and "
            "compressed; the result's own files are not.",
            model=model,
            layers=layers,
            crops=crops,
        )
    )


def _sizes(textures: PreviewTextures) -> str:
    pairs = zip(textures.before, textures.after, strict=True)
    words = [
        f"{low.shape[1]} × {low.shape[0]} → {high.shape[1]} × {high.shape[0]} texels"
        for low, high in pairs
    ]
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return ", ".join(words[:3]) + more


def _written(folder: Path, picture: Picture) -> Path:
    path = folder / f"{picture.name}.png"
    write_file(path, encode_png(picture.color).data)
    return path


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""
