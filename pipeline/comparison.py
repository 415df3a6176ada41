"""Before and after, side by side, where the difference is greatest."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from texsr.pipeline.atlas import TexturedMesh, uv_to_texel
from texsr.pipeline.camera import Camera
from texsr.pipeline.change import Spot, find_changes
from texsr.pipeline.color import to_float, to_integer
from texsr.pipeline.facing import FIELD_OF_VIEW_RAD, look_at
from texsr.pipeline.formats.pictures import enlarged, side_by_side
from texsr.pipeline.picture import Picture
from texsr.pipeline.scene import Scene, Texture, paint_from
from texsr.pipeline.tile import Region

PX_PER_LOW_TX = 8
MARGIN_TX = 4  # kept around a crop while it is enlarged, so that its border has neighbours
BACKDROP = np.array([0.93, 0.94, 0.95], np.float32)


def comparisons(
    scene: Scene,
    before: Sequence[Texture],
    after: Sequence[Texture],
    *,
    count: int,
    panel_px: int,
    up: Float64[np.ndarray, " 3"],
) -> list[Picture]:
    """Show the places of greatest change: each in the atlas, and on the surface seen from near.

    Args:
        scene: the surface.
        before: parallel to the surface's atlases.
        after: parallel to the surface's atlases.
        count: places.
        panel_px: side of one panel; a texel before takes 8 px.
        up: of the object, world coordinates.
    """
    spots = find_changes(
        scene.surface, before, after, window_tx=panel_px // PX_PER_LOW_TX, count=count
    )
    paints = [paint_from(before), paint_from(after)]
    pictures: list[Picture] = []
    for number, spot in enumerate(spots):
        name = scene.surface.atlases[spot.atlas_index].name
        low, high = before[spot.atlas_index], after[spot.atlas_index]
        panels = side_by_side(
            [
                ("before, bicubic", _cut(low, spot.region, low, panel_px)),
                ("after", _cut(high, spot.region, low, panel_px)),
            ]
        )
        pictures.append(_picture(f"atlas_{number:02d}", f"{name}, {_place(spot)}", panels))
        camera = _close_up(scene, spot, low, up, panel_px)
        if camera is None:
            continue
        # From so near a texel spans several pixels: one ray each is enough.
        drawn = scene.draw(paints, camera, supersample=1)
        near = [to_integer(view.over(BACKDROP), np.dtype(np.uint8)) for view in drawn]
        panels = side_by_side([("before", near[0]), ("after", near[1])])
        pictures.append(_picture(f"surface_{number:02d}", "The same place on the surface", panels))
    return pictures


def _picture(name: str, caption: str, color: UInt8[np.ndarray, "h w 3"]) -> Picture:
    alt = f"{caption}: before on the left, after on the right"
    return Picture(name=name, caption=caption, alt=alt, color=color)


def _place(spot: Spot) -> str:
    region = spot.region
    return f"texels {region.x}, {region.y}; changed by {spot.change:.1f} of 255 (rms)"


def _cut(
    stored: Texture, region: Region, low: Texture, panel_px: int
) -> UInt8[np.ndarray, "h w 3"]:
    """Enlarge a window of a texture, given in texels of `low`, bicubically to the panel's size."""
    (rows, y, tall), (columns, x, wide) = (
        _window(start, size, (stored.shape[axis], low.shape[axis]), panel_px)
        for axis, (start, size) in enumerate(((region.y, region.height), (region.x, region.width)))
    )
    big = enlarged(_rgb(stored[rows, columns]), height=tall, width=wide)
    return big[y : y + panel_px, x : x + panel_px]


def _window(
    start: int, size: int, sides_tx: tuple[int, int], panel_px: int
) -> tuple[slice, int, int]:
    """Give the texels to enlarge, where the panel starts in their enlargement, and its side."""
    scale = sides_tx[0] / sides_tx[1]
    zoom = panel_px / (size * scale)
    first, last = start * scale, (start + size) * scale
    texels = slice(
        max(0, int(np.floor(first)) - MARGIN_TX),
        min(sides_tx[0], int(np.ceil(last)) + MARGIN_TX),
    )
    side = max(panel_px, round((texels.stop - texels.start) * zoom))
    return texels, min(round((first - texels.start) * zoom), side - panel_px), side


def _rgb(stored: Texture) -> Float32[np.ndarray, "h w 3"]:
    color = to_float(stored[..., : 3 if stored.shape[2] >= 3 else 1])
    return np.repeat(color, 3, axis=2) if color.shape[2] == 1 else color


def _close_up(
    scene: Scene, spot: Spot, low: Texture, up: Float64[np.ndarray, " 3"], panel_px: int
) -> Camera | None:
    """Look straight at a spot from where its window fills the panel; None where that is hidden."""
    face = _face_at(scene.surface, spot, low)
    corners = scene.surface.mesh.vertices[scene.surface.mesh.faces[face]]
    centre, normal = corners.mean(axis=0), scene.normals[face].astype(np.float64)
    tx_per_unit = scene.uv_per_unit[face] * np.sqrt(low.shape[0] * low.shape[1])
    if tx_per_unit == 0 or not normal.any():
        return None
    side = spot.region.width / tx_per_unit
    eye = centre + normal * side / 2 / np.tan(FIELD_OF_VIEW_RAD / 2)
    if scene.caster.blocked(eye[None], centre[None])[0]:
        return None
    return look_at(eye, centre, up, size_px=panel_px)


def _face_at(surface: TexturedMesh, spot: Spot, low: Texture) -> int:
    """Give the face whose middle lies nearest to the middle of a spot."""
    charts = surface.charts
    mine = np.flatnonzero(charts.material_id == spot.atlas_index)
    uv = charts.uv[charts.uv_faces[mine]].mean(axis=1)
    texel = uv_to_texel(uv, height_tx=low.shape[0], width_tx=low.shape[1])
    region = spot.region
    middle = np.array([region.x + region.width / 2, region.y + region.height / 2])
    return int(mine[np.square(texel - middle).sum(axis=1).argmin()])
