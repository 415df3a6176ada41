"""Textures -> the layers of the viewer page, small enough to travel in it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import UInt8

from texsr.pipeline.formats.pictures import EncodedImage, encode_jpeg
from texsr.pipeline.formats.viewer_page import Layer
from texsr.pipeline.mipmap import Mipmap
from texsr.pipeline.overlays import ORIGINS, confidence_colors, confidence_key, origin_colors
from texsr.pipeline.scene import Texture

FULL_TX = 4096  # beyond it, phones refuse textures
OVERLAY_TX = 1024
OVERLAY_QUALITY = 80
BASE64_GROWTH = 4 / 3
# Tried in this order until the page is light enough: quality first, then size.
RECIPES = ((FULL_TX, 92), (FULL_TX, 84), (2048, 92), (2048, 80), (1024, 85), (512, 80))


def page_layers(
    before: Sequence[Texture],
    after: Sequence[Texture],
    provenance: Sequence[UInt8[np.ndarray, "_ _ 2"]] | None,
    *,
    atlases: Sequence[int],
    room_bytes: float,
) -> tuple[Layer, ...]:
    """Encode before, after, and where there is a provenance, origin and confidence.

    Args:
        before: one for each atlas.
        after: one for each atlas.
        provenance: one for each atlas, of the size of `after`; level and confidence.
        atlases: for each material of the model its atlas; -1: none.
        room_bytes: what all layers may take together, written as text.
    """
    old, new = ([Mipmap(texture) for texture in textures] for textures in (before, after))
    overlays = [] if provenance is None else _overlays(new, provenance, atlases)
    room = room_bytes / BASE64_GROWTH - sum(map(_weight, overlays))
    shown: list[Layer] = []
    for longest_tx, quality in RECIPES:
        shown = [
            Layer(label=label, textures=_encoded(textures, atlases, longest_tx, quality))
            for label, textures in (("Before", old), ("After", new))
        ]
        if sum(map(_weight, shown)) <= room:
            break
    return (*shown, *overlays)


def _encoded(
    textures: Sequence[Mipmap], atlases: Sequence[int], longest_tx: int, quality: int
) -> tuple[EncodedImage | None, ...]:
    return tuple(
        None
        if index < 0
        else encode_jpeg(_eight_bit(textures[index].reduced(longest_tx)), quality=quality)
        for index in atlases
    )


def _overlays(
    after: Sequence[Mipmap],
    provenance: Sequence[UInt8[np.ndarray, "_ _ 2"]],
    atlases: Sequence[int],
) -> list[Layer]:
    origin: list[EncodedImage | None] = []
    confidence: list[EncodedImage | None] = []
    for index in atlases:
        if index < 0:
            origin.append(None)
            confidence.append(None)
            continue
        small = _eight_bit(after[index].reduced(OVERLAY_TX)).astype(np.float32) / 255
        height, width = small.shape[:2]
        levels = provenance[index]
        rows = (np.arange(height) * levels.shape[0]) // height
        columns = (np.arange(width) * levels.shape[1]) // width
        picked = np.ascontiguousarray(levels[rows][:, columns])
        for colors, layer in ((origin_colors, origin), (confidence_colors, confidence)):
            layer.append(encode_jpeg(colors(picked, small), quality=OVERLAY_QUALITY))
    return [
        Layer(label="Origin", textures=tuple(origin), key=ORIGINS[1:]),
        Layer(label="Confidence", textures=tuple(confidence), key=confidence_key()),
    ]


def _eight_bit(stored: Texture) -> UInt8[np.ndarray, "h w 3"]:
    color = stored[..., : 3 if stored.shape[2] >= 3 else 1]
    if color.dtype != np.uint8:
        color = np.rint(color / np.float32(257)).astype(np.uint8)
    return np.repeat(color, 3, axis=2) if color.shape[2] == 1 else np.asarray(color)


def _weight(layer: Layer) -> int:
    return sum(len(texture.data) for texture in layer.textures if texture is not None)
