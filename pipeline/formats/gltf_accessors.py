"""glTF accessors: typed arrays over buffer views, strided, normalised or sparse."""

import math

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from texsr.pipeline.formats.gltf_container import Gltf
from texsr.pipeline.formats.json_node import JsonNode

_COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
_WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
MAX_SPARSE_COUNT = 1 << 24  # rows without a buffer cost the file nothing


def read_accessor(gltf: Gltf, index: int, *, kind: str) -> Float64[np.ndarray, "n w"]:
    """Read an accessor.

    Args:
        gltf: the file.
        index: of the accessor.
        kind: "SCALAR", "VEC2" or "VEC3", which it has to be.

    Returns:
        A row an element; integers are mapped to [0, 1] or [-1, 1] where it is normalised.

    Raises:
        CaptureError: another type, or bytes outside of the buffer view.
    """
    node = gltf.document.item("accessors", index)
    if node["type"].text() != kind:
        raise node.fault(found=node["type"].text(), expected=kind)
    component = _component(node)
    count, width = node["count"].index(), _WIDTHS[kind]
    view, sparse = node.get("bufferView"), node.get("sparse")
    if view is not None:
        stored = _rows(gltf, node, component, (count, width))
    elif sparse is None or count > MAX_SPARSE_COUNT:
        found = f"{count} rows without a buffer view"
        raise node.fault(found=found, expected="a buffer view (uncompressed data)")
    else:
        stored = np.zeros((count, width), component)
    values = _decoded(stored, normalized=node.flag_of("normalized"))
    if sparse is not None:
        rows = _sparse_rows(gltf, sparse, count)
        replaced = _rows(gltf, sparse["values"], component, (len(rows), width))
        values[rows] = _decoded(replaced, normalized=node.flag_of("normalized"))
    return values


def _component(node: JsonNode) -> np.dtype:
    code = node["componentType"].index()
    if code not in _COMPONENTS:
        raise node.fault(found=f"componentType {code}", expected=f"one of {[*_COMPONENTS]}")
    return np.dtype(_COMPONENTS[code])


def _rows(
    gltf: Gltf, node: JsonNode, component: np.dtype, shape: tuple[int, int]
) -> Shaped[np.ndarray, "n w"]:
    """Look at the rows of an accessor, or of a part of a sparse one, in their buffer."""
    view = node["bufferView"].index()
    data = gltf.view(view)
    count, width = shape
    size = width * component.itemsize
    stride = gltf.document.item("bufferViews", view).index_of("byteStride", 0) or size
    start = node.index_of("byteOffset", 0)
    if count and start + stride * (count - 1) + size > len(data):
        found = f"{count} rows of {size} bytes, {stride} apart from byte {start} on"
        raise node.fault(found=found, expected=f"rows inside a buffer view of {len(data)} bytes")
    if count == 0:
        return np.zeros(shape, component)
    return np.ndarray(shape, component, data, start, (stride, component.itemsize))


def _sparse_rows(gltf: Gltf, sparse: JsonNode, count: int) -> Int64[np.ndarray, " n"]:
    indices = sparse["indices"]
    rows = _rows(gltf, indices, _component(indices), (sparse["count"].index(), 1))[:, 0]
    if rows.dtype.kind != "u" or (rows >= count).any() or (np.diff(rows.astype(int)) <= 0).any():
        raise indices.fault(found="indices out of range or order", expected=f"rising, < {count}")
    return rows.astype(np.int64)


def _decoded(stored: Shaped[np.ndarray, "n w"], *, normalized: bool) -> Float64[np.ndarray, "n w"]:
    values = stored.astype(np.float64)
    if not normalized or stored.dtype.kind == "f":
        return values
    top = math.ldexp(1, 8 * stored.itemsize - (stored.dtype.kind == "i")) - 1
    return np.maximum(values / top, -1.0)
