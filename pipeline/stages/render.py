"""Draw a textured mesh as a camera sees it: colour, depth and normals."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

import numpy as np
from jaxtyping import Bool

from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.camera import Camera
from texsr.pipeline.capture import Photo
from texsr.pipeline.color import to_integer
from texsr.pipeline.errors import DependencyError
from texsr.pipeline.gl import GlScene
from texsr.pipeline.scene import Rendered, Scene, Texture, paint_from


class Backend(StrEnum):
    """What draws rendered references."""

    AUTO = "auto"
    PYRENDER = "pyrender"
    RAYS = "rays"


def render_view(
    surface: TexturedMesh,
    textures: Sequence[Texture | None],
    camera: Camera,
    *,
    supersample: int = 2,
) -> Rendered:
    """Draw one view.

    Args:
        surface: mesh and charts; its own stored atlases are not looked at.
        textures: parallel to `surface.atlases`, of any size; memory maps are sampled in place.
        camera: the view; its photo size is the picture's.
        supersample: rays per pixel and axis.
    """
    return Scene(surface).draw([paint_from(textures)], camera, supersample=supersample)[0]


def render_reference_views(
    surface: TexturedMesh,
    textures: Sequence[Texture | None],
    cameras: Sequence[Camera],
    *,
    backend: Backend = Backend.AUTO,
) -> Iterator[Photo]:
    """Draw another textured mesh as photos seen by the given cameras, one at a time.

    Both ways give the same framing; `valid` leaves out the outline, where background mixes in.

    Args:
        surface: the mesh to draw; it may be another than the one to be sharpened.
        textures: parallel to `surface.atlases`.
        cameras: the views.
        backend: `auto` draws with pyrender where OpenGL can be had, else with rays.

    Raises:
        DependencyError: pyrender was asked for and it or OpenGL is missing.
    """
    try:
        gl = None if backend == Backend.RAYS else GlScene(surface, textures)
    except DependencyError:
        if backend == Backend.PYRENDER:
            raise
        gl = None
    if gl is None:
        scene, paint = Scene(surface), paint_from(textures)
        for camera in cameras:
            drawn = scene.draw([paint], camera)[0]
            yield Photo(color=to_integer(drawn.color, np.dtype(np.uint8)), valid=_inner(drawn.hit))
        return
    with gl:
        for camera in cameras:
            color, hit = gl.draw(camera)
            yield Photo(color=color, valid=_inner(hit))


def _inner(hit: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Take off the pixels that touch, by side or corner, one that is not on the mesh."""
    padded = np.pad(hit, 1, mode="edge")
    height, width = hit.shape
    inner = np.ones_like(hit)
    for y in range(3):
        for x in range(3):
            inner &= padded[y : y + height, x : x + width]
    return inner
