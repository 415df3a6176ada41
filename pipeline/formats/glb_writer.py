"""Geometry -> GLB for viewers: small, unlit, one material an atlas, textures supplied by the page.

Source: glTF 2.0, with KHR_mesh_quantization (16-bit positions and uv) and KHR_materials_unlit, so
that a viewer shows the atlas's own colours.
"""

import json
import struct
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from texsr.pipeline.atlas import TexturedMesh

STEPS = 65535
UNPAINTED_LINEAR = 0.214  # middle grey once encoded
UNSIGNED_SHORT, UNSIGNED_INT, FLOAT = 5123, 5125, 5126
ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963


def preview_glb(
    surface: TexturedMesh, gltf_from_world: Float64[np.ndarray, "3 3"]
) -> tuple[bytes, tuple[int, ...]]:
    """Write the surface as a GLB without textures.

    Args:
        surface: mesh and charts.
        gltf_from_world: rotation into glTF's axes, y up.

    Returns:
        the file, and for each of its materials the atlas it stands for; -1: no texture.
    """
    positions = surface.mesh.vertices @ gltf_from_world.T
    used = positions[surface.mesh.faces]
    low = used.min(axis=(0, 1))
    extent = float((used.max(axis=(0, 1)) - low).max()) or 1.0
    writer = _Writer()
    primitives: list[dict[str, Any]] = []
    atlases = np.unique(surface.charts.material_id)
    for material, index in enumerate(atlases):
        vertex, uv, corner = _split(surface, np.flatnonzero(surface.charts.material_id == index))
        at = np.rint((positions[vertex] - low) / extent * STEPS).astype(np.uint16)
        attributes = {"POSITION": writer.positions(at), "TEXCOORD_0": writer.uv(uv)}
        primitives.append(
            {"attributes": attributes, "indices": writer.indices(corner), "material": material}
        )
    document = {
        "asset": {"version": "2.0", "generator": "texsr"},
        "extensionsUsed": ["KHR_materials_unlit", "KHR_mesh_quantization"],
        "extensionsRequired": ["KHR_mesh_quantization"],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "translation": low.tolist(), "scale": [extent] * 3}],
        "meshes": [{"primitives": primitives}],
        "materials": [_material(bool(index >= 0)) for index in atlases],
        "accessors": writer.accessors,
        "bufferViews": writer.views,
        "buffers": [{"byteLength": len(writer.data)}],
    }
    return _container(document, bytes(writer.data)), tuple(int(index) for index in atlases)


class _Writer:
    """Gathers accessors and their bytes; every view starts on a multiple of four."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def positions(self, at: np.ndarray) -> int:
        # Vertex attributes must start on multiples of four: three shorts and one of padding.
        padded = np.zeros((len(at), 4), np.uint16)
        padded[:, :3] = at
        bounds = {"min": at.min(axis=0).tolist(), "max": at.max(axis=0).tolist()}
        return self._add(padded, UNSIGNED_SHORT, "VEC3", normalized=True, byteStride=8, **bounds)

    def uv(self, uv: np.ndarray) -> int:
        down = np.stack([uv[:, 0], 1.0 - uv[:, 1]], axis=1)  # glTF's v runs downward
        if down.min() < 0.0 or down.max() > 1.0:
            return self._add(down.astype(np.float32), FLOAT, "VEC2", byteStride=8)
        steps = np.rint(down * STEPS).astype(np.uint16)
        return self._add(steps, UNSIGNED_SHORT, "VEC2", normalized=True, byteStride=4)

    def indices(self, corner: np.ndarray) -> int:
        small = corner.max() < STEPS
        kind = UNSIGNED_SHORT if small else UNSIGNED_INT
        return self._add(corner.astype(np.uint16 if small else np.uint32), kind, "SCALAR")

    def _add(self, values: np.ndarray, kind: int, shape: str, **more: Any) -> int:
        stride = {"byteStride": more.pop("byteStride")} if "byteStride" in more else {}
        view = {
            "buffer": 0,
            "byteOffset": len(self.data),
            "byteLength": values.nbytes,
            "target": ARRAY_BUFFER if stride else ELEMENT_ARRAY_BUFFER,
        }
        self.views.append(view | stride)
        self.data += values.tobytes()
        self.data += bytes(-len(self.data) % 4)
        accessor = {"bufferView": len(self.views) - 1, "componentType": kind, "type": shape}
        self.accessors.append(accessor | {"count": len(values)} | more)
        return len(self.accessors) - 1


def _split(
    surface: TexturedMesh, faces: Int64[np.ndarray, " n"]
) -> tuple[Int64[np.ndarray, " k"], Float64[np.ndarray, "k 2"], Int64[np.ndarray, " c"]]:
    """Make one vertex of every (position, uv) pair in use: glTF has one index for both."""
    charts = surface.charts
    pairs = np.stack(
        [surface.mesh.faces[faces].reshape(-1), charts.uv_faces[faces].reshape(-1)], axis=1
    ).astype(np.int64)
    unique, corner = np.unique(pairs, axis=0, return_inverse=True)
    return unique[:, 0], charts.uv[unique[:, 1]], corner.reshape(-1)


def _material(textured: bool) -> dict[str, Any]:
    shade = 1.0 if textured else UNPAINTED_LINEAR
    return {
        "pbrMetallicRoughness": {"baseColorFactor": [shade] * 3 + [1.0], "metallicFactor": 0},
        "extensions": {"KHR_materials_unlit": {}},
        "doubleSided": True,
    }


def _container(document: dict[str, Any], data: bytes) -> bytes:
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text
    chunks += struct.pack("<I4s", len(data), b"BIN\0") + data
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
