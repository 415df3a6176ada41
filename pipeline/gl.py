"""A textured mesh drawn through OpenGL: the only place that knows pyrender."""

import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, final

import numpy as np
from jaxtyping import Bool, Float64, UInt8, UInt16

from texsr.pipeline.atlas import TexturedMesh
from texsr.pipeline.camera import OPENCV_FROM_OPENGL, Camera
from texsr.pipeline.errors import DependencyError
from texsr.pipeline.mipmap import Mipmap

# Anonymous axes: textures of one surface, and before and after, have sizes of their own.
Texture = UInt8[np.ndarray, "_ _ _"] | UInt16[np.ndarray, "_ _ _"]

MAX_TEXTURE_TX = 8192  # what every driver takes
DEBIAN_PACKAGES = "libegl1 libgl1 libgl1-mesa-dri libxrender1"
UNPAINTED = (0.5, 0.5, 0.5, 1.0)


@final
class GlScene:
    """A surface on the graphics card, drawn unlit so that colours are the atlas's own.

    A context manager: it holds a GL context, of which pyrender keeps one a picture size.
    """

    def __init__(self, surface: TexturedMesh, textures: Sequence[Texture | None]) -> None:
        """Load the surface.

        Raises:
            DependencyError: pyrender, or an OpenGL that draws without a screen, is missing.
        """
        self._pyrender = _import_pyrender()
        self._scene = self._pyrender.Scene(bg_color=[0.0, 0.0, 0.0, 0.0])
        self._scene.add(_mesh(self._pyrender, surface, textures))
        corners = surface.mesh.vertices[surface.mesh.faces].reshape(-1, 3)
        self._low, self._high = corners.min(axis=0), corners.max(axis=0)
        self._renderer: Any = None
        self._size = (0, 0)
        self._resize(16, 16)

    def __enter__(self) -> "GlScene":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the GL context back."""
        if self._renderer is not None:
            self._renderer.delete()
            self._renderer = None

    def draw(self, camera: Camera) -> tuple[UInt8[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
        """Draw one view.

        Returns:
            sRGB-encoded colour, and where the mesh is.
        """
        self._resize(camera.width_px, camera.height_px)
        near, far = self._depth_range(camera)
        lens = _lens(self._pyrender, camera, near, far)
        pose = np.linalg.inv(camera.cam_from_world) @ OPENCV_FROM_OPENGL
        node = self._scene.add(lens, pose=pose)
        flags = self._pyrender.RenderFlags
        try:
            drawn, _ = self._renderer.render(
                self._scene, flags=flags.RGBA | flags.FLAT | flags.SKIP_CULL_FACES
            )
        finally:
            self._scene.remove_node(node)
        # Alpha is averaged over the pixel as colour is; pyrender's depth is off by a part of a row.
        return np.ascontiguousarray(drawn[..., :3]), drawn[..., 3] > 127

    def _resize(self, width: int, height: int) -> None:
        if (width, height) == self._size:
            return
        self.close()
        try:
            self._renderer = self._pyrender.OffscreenRenderer(width, height)
        except Exception as error:  # each GL platform raises its own kinds, none with a common root
            raise _missing(f"no OpenGL context could be made ({_brief(error)})") from error
        self._size = (width, height)

    def _depth_range(self, camera: Camera) -> tuple[float, float]:
        """Bound the depths of the surface, so that the depth buffer's precision lies there."""
        box = np.stack(np.meshgrid(*zip(self._low, self._high, strict=True)), axis=-1)
        _, depth = camera.project(box.reshape(-1, 3))
        far = max(float(depth.max()), 1e-6) * 1.01
        return max(float(depth.min()) * 0.99, far * 1e-3), far


def _import_pyrender() -> Any:
    headless = sys.platform.startswith("linux") and not (
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if headless:
        # PyOpenGL chooses its platform once, while it is imported.
        os.environ.setdefault("PYOPENGL_PLATFORM", "egl")
    try:
        import pyrender
    except Exception as error:  # a missing libGL raises ImportError, OSError or AttributeError
        raise _missing(f"pyrender cannot be imported ({_brief(error)})") from error
    return pyrender


def _missing(found: str) -> DependencyError:
    return DependencyError(
        "rendered references",
        found=found,
        expected="pyrender with an OpenGL that draws without a screen (EGL)",
        remedy=f"on Debian: apt-get install {DEBIAN_PACKAGES}; or draw with the 'rays' backend",
    )


def _brief(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _lens(pyrender: Any, camera: Camera, near: float, far: float) -> Any:
    """Make a pyrender camera with our K, skew included."""

    class Lens(pyrender.Camera):
        def get_projection_matrix(
            self, width: int | None = None, height: int | None = None
        ) -> Float64[np.ndarray, "4 4"]:
            return clip_from_cam(camera, near, far)

    return Lens(znear=near, zfar=far)


def clip_from_cam(camera: Camera, near: float, far: float) -> Float64[np.ndarray, "4 4"]:
    """Give OpenGL's projection for our pinhole: OpenGL camera axes in, clip space out."""
    (fx, skew, cx), (_, fy, cy) = camera.K[0], camera.K[1]
    width, height = camera.width_px, camera.height_px
    matrix = np.zeros((4, 4))
    matrix[0, :3] = 2 * fx / width, -2 * skew / width, 1 - 2 * cx / width
    matrix[1, 1:3] = 2 * fy / height, 2 * cy / height - 1
    matrix[2, 2:] = (far + near) / (near - far), 2 * far * near / (near - far)
    matrix[3, 2] = -1.0
    return matrix


def _mesh(pyrender: Any, surface: TexturedMesh, textures: Sequence[Texture | None]) -> Any:
    primitives: list[Any] = []
    charts, mesh = surface.charts, surface.mesh
    for index in np.unique(charts.material_id):
        mine = charts.material_id == index
        texture = textures[index] if 0 <= index < len(textures) else None
        primitives.append(
            pyrender.Primitive(
                positions=mesh.vertices[mesh.faces[mine]].reshape(-1, 3).astype(np.float32),
                texcoord_0=charts.uv[charts.uv_faces[mine]].reshape(-1, 2).astype(np.float32),
                material=_material(pyrender, texture),
            )
        )
    return pyrender.Mesh(primitives)


def _material(pyrender: Any, texture: Texture | None) -> Any:
    if texture is None:
        return pyrender.MetallicRoughnessMaterial(baseColorFactor=UNPAINTED, doubleSided=True)
    stored = Mipmap(texture).reduced(MAX_TEXTURE_TX)
    eight_bit = stored if stored.dtype == np.uint8 else np.rint(stored / 257.0).astype(np.uint8)
    # Four channels: with three, OpenGL skews textures whose rows are no multiple of four bytes.
    color = np.full((*stored.shape[:2], 4), 255, np.uint8)
    color[..., :3] = eight_bit[..., : 3 if stored.shape[2] >= 3 else 1]
    return pyrender.MetallicRoughnessMaterial(
        baseColorTexture=pyrender.Texture(source=color, source_channels="RGBA"), doubleSided=True
    )
