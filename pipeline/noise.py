"""What a real camera does to a perfect picture, and reconstruction to perfect poses and meshes."""

from io import BytesIO

import numpy as np
from jaxtyping import Float32, Float64, UInt8

from texsr.pipeline.camera import Camera
from texsr.pipeline.color import to_integer
from texsr.pipeline.mesh import Mesh

Picture = Float32[np.ndarray, "h w 3"]

ENCODING = 1 / 2.2  # close enough to sRGB for a gain
WAVES_PER_OCTAVE = 8
CYCLES = (3, 6, 12, 24)  # of a mesh's error, over its bounding box's diagonal


def color_drift(
    rng: np.random.Generator, *, exposure: float, white_balance: float
) -> Float32[np.ndarray, " 3"]:
    """Draw the gain of each channel of one photo: one exposure for all, one balance for each.

    Args:
        exposure: largest deviation from 1, uniform.
        white_balance: largest deviation of a channel from the exposure, uniform.
    """
    shared = 1.0 + exposure * rng.uniform(-1, 1)
    return (shared * (1.0 + white_balance * rng.uniform(-1, 1, 3))).astype(np.float32)


def sensor_noise(picture: Picture, rng: np.random.Generator, *, sigma: float) -> Picture:
    """Add gaussian noise of a standard deviation in [0, 1] units, independent in every channel."""
    return picture + np.float32(sigma) * rng.standard_normal(picture.shape, dtype=np.float32)


def defocus(picture: Picture, *, sigma_px: float) -> Picture:
    """Blur by a gaussian."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(picture, (sigma_px, sigma_px, 0.0), mode="nearest")


def sharpened(picture: Picture, *, amount: float) -> Picture:
    """Add `amount` of what a gaussian of 1 px takes out, as cameras do before they compress."""
    return picture + np.float32(amount) * (picture - defocus(picture, sigma_px=1.0))


def shake(picture: Picture, rng: np.random.Generator, *, length_px: float) -> Picture:
    """Blur along a straight line of a random direction, as a hand-held camera does."""
    from scipy.ndimage import convolve

    angle = rng.uniform(0, np.pi)
    half = int(np.ceil(length_px / 2))
    kernel = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
    for share in np.linspace(-0.5, 0.5, 8 * half + 1):
        x, y = half + share * length_px * np.cos(angle), half + share * length_px * np.sin(angle)
        column, row = int(x), int(y)
        for dy, dx in np.ndindex(2, 2):
            weight = (1 - abs(x - column - dx)) * (1 - abs(y - row - dy))
            if weight > 0:
                kernel[row + dy, column + dx] += weight
    return convolve(picture, (kernel / kernel.sum())[:, :, None], mode="nearest")


def vignetted(picture: Picture, *, strength: float) -> Picture:
    """Darken an encoded picture towards its corners, which lose `strength` of their light."""
    height, width = picture.shape[:2]
    y = np.linspace(-1.0, 1.0, height, dtype=np.float32)[:, None]
    x = np.linspace(-1.0, 1.0, width, dtype=np.float32)
    kept = 1.0 - np.float32(strength) * (x * x + y * y) / 2
    return picture * (kept ** np.float32(ENCODING))[..., None]


def jpeg_bytes(picture: Picture, *, quality: int) -> bytes:
    """Round to 8 bits and compress as a camera would, chroma halved."""
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(to_integer(picture, np.dtype(np.uint8))).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def noise_picture(rng: np.random.Generator, height: int, width: int) -> UInt8[np.ndarray, "h w 3"]:
    """Draw a picture of nothing: blotches of several sizes, so that it survives compression."""
    from PIL import Image

    total = np.zeros((height, width, 3), np.float32)
    for cells, weight in ((12, 0.5), (60, 0.3), (max(height, width), 0.2)):
        rows, columns = min(cells, height), min(cells, width)
        drawn = Image.fromarray(rng.integers(0, 256, (rows, columns, 3), dtype=np.uint8))
        total += np.float32(weight) * np.asarray(drawn.resize((width, height)), np.float32)
    return np.rint(total).astype(np.uint8)


def miscalibrated(
    camera: Camera, rng: np.random.Generator, *, error_px: float, distance: float
) -> Camera:
    """Give the camera that calibration would report: off by a rotation and a displacement.

    Args:
        camera: the true one.
        error_px: standard deviation of the reprojection error along x and y, of points around
            `distance`.
        distance: from the pinhole to the object, capture units.
    """
    from scipy.spatial.transform import Rotation

    # Turning, moving sideways and rolling add up in variance to the error asked for.
    angle = error_px / camera.K[0, 0] * np.sqrt(0.45)
    offset = error_px / camera.K[0, 0] * np.sqrt(0.45) * distance
    roll = error_px / (camera.width_px / 4) * np.sqrt(0.1)
    turn = Rotation.from_rotvec(rng.normal(size=3) * (angle, angle, roll))
    moved: Float64[np.ndarray, "4 4"] = np.eye(4)
    moved[:3, :3] = turn.as_matrix()
    # Turning about the camera; moving along the axis by more changes little.
    moved[:3, 3] = rng.normal(size=3) * (offset, offset, 2 * offset)
    return Camera(
        K=camera.K,
        cam_from_world=moved @ camera.cam_from_world,
        width_px=camera.width_px,
        height_px=camera.height_px,
    )


def misbuilt(mesh: Mesh, rng: np.random.Generator, *, share: float) -> Mesh:
    """Give the mesh that reconstruction would: moved along its normals by smooth random amounts.

    Vertices at one place move together, so split seams stay closed; faces are the same.

    Args:
        mesh: the true one.
        rng: draws the waves that the displacement is a sum of, twice as short and half as high in
            each octave.
        share: largest displacement, over the bounding box's diagonal.
    """
    points = mesh.vertices
    diagonal = float(np.linalg.norm(np.ptp(points, axis=0)))
    height = np.zeros(len(points))
    for cycles in CYCLES:
        direction = rng.normal(size=(WAVES_PER_OCTAVE, 3))
        direction *= 2 * np.pi * cycles / np.linalg.norm(direction, axis=1, keepdims=True)
        phase = rng.uniform(0, 2 * np.pi, WAVES_PER_OCTAVE)
        height += np.sin(points @ direction.T / diagonal + phase).sum(axis=1) / cycles
    height *= share * diagonal / max(float(np.abs(height).max()), 1e-12)
    return Mesh(vertices=points + height[:, None] * mesh.vertex_normals(), faces=mesh.faces)
