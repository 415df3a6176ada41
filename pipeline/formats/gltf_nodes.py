"""The node tree of a glTF scene: which mesh stands where."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64

from texsr.pipeline.formats.gltf_container import Gltf
from texsr.pipeline.formats.json_node import JsonNode


def placed_meshes(gltf: Gltf) -> Iterator[tuple[JsonNode, Float64[np.ndarray, "4 4"]]]:
    """Give the meshes of the default scene with their `world_from_mesh`.

    Without any scene, all nodes that are nobody's child are roots.

    Raises:
        CaptureError: nodes that form a cycle or have two parents, or no proper transform.
    """
    document = gltf.document
    nodes = document.items("nodes")
    waiting = [(root, np.eye(4)) for root in reversed(_roots(document, nodes))]
    seen: set[int] = set()
    while waiting:
        index, world_from_parent = waiting.pop()
        node = document.item("nodes", index)
        if index in seen:
            raise node.fault(found="a node reached twice", expected="nodes that form a tree")
        seen.add(index)
        world_from_node = world_from_parent @ _parent_from_node(node)
        mesh = node.get("mesh")
        if mesh is not None:
            yield document.item("meshes", mesh.index()), world_from_node
        children = [child.index() for child in node.items("children")]
        waiting += [(child, world_from_node) for child in reversed(children)]


def _roots(document: JsonNode, nodes: list[JsonNode]) -> list[int]:
    if document.items("scenes"):
        scene = document.item("scenes", document.index_of("scene", 0))
        return [node.index() for node in scene.items("nodes")]
    children = {child.index() for node in nodes for child in node.items("children")}
    return [index for index in range(len(nodes)) if index not in children]


def _parent_from_node(node: JsonNode) -> Float64[np.ndarray, "4 4"]:
    matrix = node.get("matrix")
    if matrix is not None:
        return np.array(matrix.numbers(16)).reshape(4, 4).T  # stored column by column
    transform = np.eye(4)
    rotation, scale, translation = (node.get(key) for key in ("rotation", "scale", "translation"))
    if rotation is not None:
        transform[:3, :3] = _rotation(rotation)
    if scale is not None:
        transform[:3, :3] *= scale.numbers(3)
    if translation is not None:
        transform[:3, 3] = translation.numbers(3)
    return transform


def _rotation(node: JsonNode) -> Float64[np.ndarray, "3 3"]:
    """Turn a quaternion x, y, z, w into a matrix."""
    quaternion = np.array(node.numbers(4))
    length = float(np.linalg.norm(quaternion))
    if not 0.5 < length < 2.0:
        raise node.fault(found=f"{node.value}", expected="a unit quaternion")
    *axis, w = quaternion / length
    x, y, z = axis
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    return np.eye(3) + 2.0 * w * cross + 2.0 * cross @ cross
