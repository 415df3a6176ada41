"""Make a capture with a known answer: photos of a textured mesh, and its atlas made smaller."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8, UInt16

from texsr.pipeline.atlas import ImageKind, TexturedMesh
from texsr.pipeline.camera import Camera
from texsr.pipeline.color import to_integer
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.colmap import write_colmap_text
from texsr.pipeline.formats.images import write_image
from texsr.pipeline.formats.meshes import read_textured_mesh
from texsr.pipeline.formats.obj_writing import write_obj
from texsr.pipeline.formats.transforms_writing import write_transforms
from texsr.pipeline.formats.writing import whole_or_absent, write_file
from texsr.pipeline.noise import misbuilt
from texsr.pipeline.photo_blend import Shot, blend_photos
from texsr.pipeline.photo_plan import plan_photos
from texsr.pipeline.resample import resize_rows
from texsr.pipeline.simulation import (
    MIN_PHOTO_PX,
    CameraFile,
    LowAtlas,
    Simulated,
    SimulateSettings,
)
from texsr.pipeline.studio import Studio
from texsr.pipeline.texture_plane import TexturePlane, bands, with_gutter
from texsr.pipeline.viewpoints import around, px_per_texel

Stored = UInt8[np.ndarray, "_ _ c"] | UInt16[np.ndarray, "_ _ c"]  # truth or low
Progress = Callable[[str, int, int], None]

GUTTER_TX = 16
BAND_TEXELS = 1 << 18  # of a low atlas: `scale`² as many are read for them


def simulate(
    mesh_path: Path,
    out_dir: Path,
    settings: SimulateSettings,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Simulated:
    """Make `out_dir`/capture and `out_dir`/truth from a textured mesh file.

    Args:
        mesh_path: a mesh with UVs and one texture, which becomes the truth.
        out_dir: made; it must not exist or be empty. In the end it is whole or absent.
        settings: the kind of capture.
        rng: the same state gives the same bytes.
        progress: told stage, done and total.

    Raises:
        CaptureError: the mesh cannot be used.
        OutputError: `out_dir` is taken or cannot be written.
    """
    return simulate_surface(read_single(mesh_path), out_dir, settings, rng, progress)


def read_single(mesh_path: Path) -> TexturedMesh:
    """Read a mesh with UVs and one texture.

    Raises:
        CaptureError: it cannot be read, or has several textures.
    """
    surface = read_textured_mesh(mesh_path, root=mesh_path.parent)
    if len(surface.atlases) != 1:
        raise CaptureError(
            mesh_path,
            found=f"{len(surface.atlases)} textures",
            expected="a mesh with one",
            remedy="bake its materials into one atlas first",
        )
    return surface


def simulate_surface(
    surface: TexturedMesh,
    out_dir: Path,
    settings: SimulateSettings,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> Simulated:
    """Do as `simulate` for a surface in memory, whose one atlas is the truth."""
    tell = progress or _silent
    truth = _fitted(surface.atlases[0].stored, settings.scale)
    height, width, _ = truth.shape
    low_size = (height // settings.scale, width // settings.scale)
    cameras = place_cameras(surface, (height, width), settings, rng)
    with whole_or_absent(out_dir) as part:
        covered = TexturePlane(surface, 0).coverage(height, width)
        write_image(part / "truth" / "atlas.png", ImageKind.PNG, truth)
        mask = np.where(covered, np.uint8(255), np.uint8(0))[..., None]
        write_image(part / "truth" / "mask.png", ImageKind.PNG, mask)
        paint = with_gutter(truth, covered, gutter_tx=GUTTER_TX)
        studio = Studio(surface, paint, settings)
        decoys = write_photos(studio, cameras, part / "capture", settings, rng, tell)
        if settings.atlas is LowAtlas.BAKED:
            shots = [(camera, studio.ideal(camera)) for camera in cameras]
            low = _baked(surface, shots, low_size, settings.scale)
        else:
            low = _resized(truth, *low_size)
        built = surface
        if settings.roughness > 0:
            wrong = misbuilt(surface.mesh, rng.spawn(1)[0], share=settings.roughness)
            built = replace(surface, mesh=wrong)
        write_capture_mesh(built, low, part / "capture")
    return Simulated(
        capture=out_dir / "capture",
        truth=out_dir / "truth",
        photo_size_px=cameras[0].width_px,
        px_per_texel=px_per_texel(surface.mesh, surface.charts, cameras, size_tx=(height, width)),
        share_covered=float(covered.mean()),
        decoys=decoys,
    )


def place_cameras(
    surface: TexturedMesh,
    size_tx: tuple[int, int],
    settings: SimulateSettings,
    rng: np.random.Generator,
) -> list[Camera]:
    """Stand around the surface, with photos of the size that samples the texels as wanted.

    Args:
        surface: what to photograph.
        size_tx: height and width of the truth.
        settings: number of photos, field of view, sampling or photo size.
        rng: draws where exactly to stand.
    """
    unit = around(
        surface.mesh,
        rng,
        num_views=settings.num_photos,
        field_of_view_deg=settings.field_of_view_deg,
        max_elevation_deg=settings.max_elevation_deg,
    )
    side = settings.photo_size_px
    if side is None:
        per_px = px_per_texel(surface.mesh, surface.charts, unit, size_tx=size_tx)
        wanted = settings.px_per_texel / per_px if per_px > 0 else settings.max_photo_px
        side = int(np.clip(round(wanted), MIN_PHOTO_PX, settings.max_photo_px))
    return [camera.scaled(float(side)) for camera in unit]


def write_photos(
    studio: Studio,
    cameras: Sequence[Camera],
    capture: Path,
    settings: SimulateSettings,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Write the photos of a capture, their masks where wanted, and the cameras as calibrated.

    Returns:
        The names of the photos that are decoys.
    """
    tell = progress or _silent
    views: list[tuple[str, Camera]] = []
    plan = plan_photos(studio.surface.mesh, cameras, settings, rng)
    for index, photo in enumerate(plan):
        tell("photos", index, len(plan))
        name = f"{index:03d}"
        taken = studio.take(photo.camera, photo.rng, photo.lighting, photo.shows)
        write_file(capture / "images" / f"{name}.jpg", taken.jpeg)
        if settings.masks:
            mask = np.where(taken.silhouette, np.uint8(255), np.uint8(0))[..., None]
            write_image(capture / "masks" / f"{name}.png", ImageKind.PNG, mask)
        views.append((f"{name}.jpg", photo.said or taken.told))
    if settings.cameras is CameraFile.COLMAP:
        write_colmap_text(capture / "sparse" / "0", views)
    else:
        beside = [(f"images/{name}", camera) for name, camera in views]
        write_transforms(capture / "transforms.json", beside, radial_k1=settings.radial_k1)
    tell("photos", len(plan), len(plan))
    return tuple(name for (name, _), photo in zip(views, plan, strict=True) if photo.misleads)


def write_capture_mesh(surface: TexturedMesh, low: Stored, capture: Path) -> None:
    """Write mesh and low atlas of a capture."""
    write_image(capture / "atlas.png", ImageKind.PNG, low)
    write_obj(capture / "mesh.obj", surface.mesh, surface.charts, texture_name="atlas.png")


def _silent(stage: str, done: int, total: int) -> None:
    """Tell nobody."""


def _fitted(stored: Stored, scale: int) -> Stored:
    """Bring a texture to multiples of the scale; most are one already."""
    height, width, _ = stored.shape
    rows, columns = (max(1, side // scale) * scale for side in (height, width))
    return stored if (rows, columns) == (height, width) else _resized(stored, rows, columns)


def _resized(stored: Stored, height: int, width: int) -> Stored:
    """Resample bicubically, band by band, keeping the depth."""
    out = np.empty((height, width, stored.shape[2]), stored.dtype)
    for rows in bands(height, width, texels=BAND_TEXELS):
        color = resize_rows(stored, height=height, width=width, rows=rows)
        out[rows] = to_integer(color, stored.dtype)
    return out


def _baked(
    surface: TexturedMesh, shots: Sequence[Shot], size_tx: tuple[int, int], scale: int
) -> UInt8[np.ndarray, "h w 3"]:
    """Blend photos into an atlas; what none sees takes the nearest seen colour."""
    from scipy.ndimage import distance_transform_edt

    height, width = size_tx
    color, seen = blend_photos(surface, shots, height=height, width=width, supersample=scale)
    if seen.any():
        nearest = distance_transform_edt(~seen, return_distances=False, return_indices=True)
        row, column = np.asarray(nearest)
        color = color[row, column]
    return to_integer(color, np.dtype(np.uint8))
