"""The light that a photo is taken in, and what it makes of a surface's colour.

Light adds up linearly, so all of this happens in linear light: the surface's colour is decoded,
multiplied by the light that arrives, the highlight is added, and the sum is encoded again. There
are two lights. The lamp stands far away and never moves with the camera; the flash sits at the
pinhole. Nothing casts shadows.

Source of the highlight: Blinn, "Models of light reflection for computer synthesized pictures",
SIGGRAPH 1977. Ours is scaled to 1 at its peak, so that its strength is what it adds to a photo.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32, Float64

from texsr.pipeline.camera import Camera
from texsr.pipeline.color import linear_from_srgb, srgb_from_linear
from texsr.pipeline.mesh import Mesh
from texsr.pipeline.scene import Rendered

EXPOSED_FOR = 90  # percentile of the light on the surface that leaves colours as they are
MIN_LIGHT = 1e-3
LOWEST_LAMP = 0.1  # height of the lamp on the unit sphere, z up
CREASE = 0.8  # cosine: corners that turn further than this keep their face's own normal
GLOSS = (0.25, 0.7)  # lobe's roughness: from a glaze with sharp reflections to dull paint


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lit:
    """Points of a surface as light and camera find them."""

    normal: Float32[np.ndarray, "n 3"]  # unit, world, on the camera's side
    to_camera: Float32[np.ndarray, "n 3"]  # unit, world
    nearness: Float32[np.ndarray, " n"]  # distance of the object's middle, over the point's own


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lighting:
    """The lamp, the flash and how the surface mirrors them. Strengths are shares in [0, 1]."""

    to_lamp: Float64[np.ndarray, " 3"]  # unit, world
    softness: float = 0.0  # of the lamp: 0 one point far away, 1 an evenly bright half of the sky
    shading: float = 0.0  # share of the room's light that comes from the lamp, not from all around
    flash: float = 0.0  # share of all light that comes from the flash
    highlight: float = 0.0  # peak of what is mirrored, 1 is white
    exponent: float = 30.0  # of the highlight's lobe

    @classmethod
    def drawn(
        cls, rng: np.random.Generator, *, shading: float, flash: float, highlight: float
    ) -> "Lighting":
        """Draw where the lamp stands (above the horizon), how soft it is and how glossy things are.

        Args:
            rng: draws.
            shading: as the field.
            flash: as the field.
            highlight: as the field.
        """
        roughness = rng.uniform(*GLOSS)
        toward, softness = _lamp(rng)
        return cls(
            to_lamp=toward,
            softness=softness,
            shading=shading,
            flash=flash,
            highlight=highlight,
            # Walter and others (2007) match lobes by 2 / alpha² - 2, and alpha is roughness².
            exponent=2.0 / roughness**4 - 2.0,
        )

    def with_lamp_moved(self, rng: np.random.Generator) -> "Lighting":
        """Stand the lamp elsewhere; the surface and all strengths stay."""
        toward, softness = _lamp(rng)
        return replace(self, to_lamp=toward, softness=softness)

    def diffuse(self, lit: Lit) -> Float32[np.ndarray, " n"]:
        """Give the linear light that arrives, as a factor on the colour; 1 where all is ambient."""
        lamp = _lambert(lit.normal @ self._lamp32, self.softness)
        room = 1.0 - self.shading + self.shading * lamp
        facing = np.maximum(np.einsum("ij,ij->i", lit.normal, lit.to_camera), np.float32(0.0))
        flash = facing * lit.nearness**2
        return ((1.0 - self.flash) * room + self.flash * flash).astype(np.float32)

    def mirrored(self, lit: Lit) -> Float32[np.ndarray, " n"]:
        """Give the linear light that is mirrored into the camera, at most about `highlight`.

        The lamp mirrors by the share that the flash leaves to it, even where it shades nothing: a
        bright spot in an even room is seen in what is glossy.
        """
        lamp = _lobe(lit, self._lamp32, self.exponent)
        flash = _lobe(lit, lit.to_camera, self.exponent) * lit.nearness**2
        return (self.highlight * ((1.0 - self.flash) * lamp + self.flash * flash)).astype(
            np.float32
        )

    @property
    def _lamp32(self) -> Float32[np.ndarray, " 3"]:
        return self.to_lamp.astype(np.float32)


def corner_normals(mesh: Mesh) -> Float32[np.ndarray, "f 3 3"]:
    """Give each face's normals at its corners: the vertex's, or its own where the mesh has an edge.

    Averaged across the edges of a box, normals would shade its sides like a ball.
    """
    face = mesh.face_normals()[:, None, :]
    vertex = mesh.vertex_normals()[mesh.faces]
    smooth = (face * vertex).sum(axis=2, keepdims=True) > CREASE
    return np.where(smooth, vertex, face).astype(np.float32)


def lit_points(
    drawn: Rendered,
    camera: Camera,
    corners: Float32[np.ndarray, "f 3 3"],
    middle: Float64[np.ndarray, " 3"],
) -> Lit:
    """Describe what lies under the pixel centres that hit the surface, in row-major order.

    Args:
        drawn: what `camera` sees.
        camera: the view.
        corners: `corner_normals` of the mesh.
        middle: of the object, world; the flash is as bright there as the room.
    """
    row, column = np.nonzero(drawn.hit)
    face, weight = drawn.face_id[row, column], drawn.bary[row, column]
    a, b = weight[:, :1], weight[:, 1:]
    normal = corners[face, 0] * a + corners[face, 1] * b + corners[face, 2] * (1 - a - b)
    plane = np.stack([column + 0.5, row + 0.5, np.ones(len(row))], axis=1).astype(np.float32)
    turn = np.linalg.inv(camera.K).T @ camera.cam_from_world[:3, :3]
    ray = plane @ turn.astype(np.float32)  # depth 1
    length = np.linalg.norm(ray, axis=1)
    to_camera = -ray / length[:, None]
    distance = drawn.depth[row, column] * length
    # Scans are open and may be wound either way: the side that is seen is the one that is lit.
    away = np.einsum("ij,ij->i", drawn.normal[row, column], to_camera) < 0
    normal *= np.where(away, -1, 1)[:, None] / np.maximum(
        np.linalg.norm(normal, axis=1, keepdims=True), np.float32(1e-12)
    )
    reference = np.float32(np.linalg.norm(camera.centre - middle))
    return Lit(normal=normal, to_camera=to_camera, nearness=reference / distance)


def relit(
    color: Float32[np.ndarray, "n 3"],
    diffuse: Float32[np.ndarray, " n"],
    mirrored: Float32[np.ndarray, " n"],
) -> Float32[np.ndarray, "n 3"]:
    """Put colour into light, exposed so that nine tenths of the surface come out no brighter.

    Args:
        color: of the surface, sRGB-encoded.
        diffuse: light that arrives, linear.
        mirrored: light to add, linear, in the exposure of `color`.

    Returns:
        sRGB-encoded; above 1 where a highlight clips.
    """
    if len(color) == 0:
        return color
    exposure = np.float32(1.0 / max(float(np.percentile(diffuse, EXPOSED_FOR)), MIN_LIGHT))
    linear = linear_from_srgb(color) * (diffuse * exposure)[:, None] + mirrored[:, None]
    return srgb_from_linear(linear)


def _lamp(rng: np.random.Generator) -> tuple[Float64[np.ndarray, " 3"], float]:
    """Draw a direction, evenly over the sky above the lowest, and a softness."""
    height, turn = rng.uniform(LOWEST_LAMP, 1.0), rng.uniform(0.0, 2.0 * np.pi)
    across = np.sqrt(1.0 - height**2)
    return np.array([across * np.cos(turn), across * np.sin(turn), height]), rng.uniform()


def _lambert(cosine: Float32[np.ndarray, " n"], softness: float) -> Float32[np.ndarray, " n"]:
    """Mix the light of a point (the cosine) and of half a sky around it; both are exact."""
    point = np.maximum(cosine, np.float32(0.0))
    sky = (1.0 + cosine) / 2.0
    return (point + np.float32(softness) * (sky - point)).astype(np.float32)


def _lobe(
    lit: Lit,
    to_light: Float32[np.ndarray, " 3"] | Float32[np.ndarray, "n 3"],
    exponent: float,
) -> Float32[np.ndarray, " n"]:
    """Give Blinn's highlight: 1 where the normal halves the angle, 0 where no light arrives."""
    half = lit.to_camera + to_light
    length = np.linalg.norm(half, axis=1)
    cosine = np.einsum("ij,ij->i", lit.normal, half)
    cosine = np.divide(cosine, length, out=np.zeros_like(cosine), where=length > 0)
    reached = (lit.normal * to_light).sum(axis=1) > 0
    return np.where(reached, np.maximum(cosine, np.float32(0.0)) ** np.float32(exponent), 0.0)
