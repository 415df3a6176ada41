"""Texture maps cut into tiles, in the manner of AMRSR's GEMAP and HUMAP (never published).

ROOT/
  manifest.json                       written last: without it the folder is not finished
  MAP/                                one folder an atlas
    atlas.png                         the truth, whole
    mask.png                          white: inside a chart, to be scored
    ATTRIBUTION*, LICENSE*            as the capture had them
    tiles/TILE/low.png                64 x 64 texels of the low atlas
    tiles/TILE/truth.png, mask.png    the same texels, the scale times larger
    tiles/TILE/ref_1.png ...          up to 8 crops of photos that show them, what shows most first

The manifest holds `format`, `version`, `scale`, `licence`, `validation_only` (true: nothing may be
trained on it), `turned` (true: crops stand as their tiles do, a pixel a truth texel; false or not
there: as photographed), and for each map `name`, `source` and `tiles`; for each tile `name`, `box`
(x, y, width, height in truth texels, from the upper-left corner), `mask_share` and `references`,
each with the photo's name (`view`) and the share of the tile's charted texels that it `shows`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from texsr.pipeline.atlas import ImageKind
from texsr.pipeline.dataset import (
    MAX_REFERENCES,
    TextureMap,
    TextureMapSet,
    TextureTile,
    TilePixels,
    TileReference,
)
from texsr.pipeline.errors import CaptureError
from texsr.pipeline.formats.images import image_header, read_image, write_image
from texsr.pipeline.formats.json_node import JsonNode, parse_json
from texsr.pipeline.formats.paths import confined
from texsr.pipeline.formats.photos import read_mask
from texsr.pipeline.formats.writing import write_file
from texsr.pipeline.tile import Region

MANIFEST = "manifest.json"
FORMAT, VERSION = "texsr-texture-maps", 1
ATLAS, MASK, TILES = "atlas.png", "mask.png", "tiles"
LOW, TRUTH = "low.png", "truth.png"
MAX_MANIFEST_BYTES = 2**28


def write_texture_tile(folder: Path, pixels: TilePixels) -> None:
    """Write the pictures of a tile into its folder.

    Raises:
        OutputError: the folder cannot be written.
    """
    write_image(folder / LOW, ImageKind.PNG, pixels.low)
    write_image(folder / TRUTH, ImageKind.PNG, pixels.truth)
    mask = np.where(pixels.mask, np.uint8(255), np.uint8(0))[..., None]
    write_image(folder / MASK, ImageKind.PNG, mask)
    for index, color in enumerate(pixels.references):
        write_image(folder / reference_name(index), ImageKind.PNG, color)


def reference_name(index: int) -> str:
    """Name the file of a tile's reference, counted from 0."""
    return f"ref_{index + 1}.png"


def write_texture_manifest(made: TextureMapSet, folder: Path) -> None:
    """Write the manifest of a set whose pictures are written.

    Args:
        made: the set; only the names in its paths play a part.
        folder: where the set lies at present.
    """
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "scale": made.scale,
        "licence": made.licence,
        "validation_only": made.validation_only,
        "turned": made.turned,
        "maps": [
            {"name": one.name, "source": one.source, "tiles": [_told(tile) for tile in one.tiles]}
            for one in made.maps
        ],
    }
    write_file(folder / MANIFEST, (json.dumps(document, indent=1) + "\n").encode())


def read_texture_maps(root: Path) -> TextureMapSet:
    """Read the manifest of a set and check that its pictures are there, in the sizes it tells.

    Raises:
        CaptureError: no finished set, a manifest of another kind, or pictures that do not fit it.
    """
    path = root / MANIFEST
    if not path.is_file() or path.stat().st_size > MAX_MANIFEST_BYTES:
        raise CaptureError(
            root,
            found=f"no {MANIFEST}" if not path.exists() else f"a {MANIFEST} of no use",
            expected="a finished folder of texture maps",
            remedy="make one with `texsr dataset texture-maps`",
        )
    try:
        document = parse_json(path, path.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise JsonNode(file=path, place="", value=None).fault(
            found="bytes that are no UTF-8 text", expected="JSON"
        ) from None
    kind, version = document["format"], document["version"]
    if kind.text() != FORMAT:
        raise kind.fault(found=repr(kind.text()[:40]), expected=FORMAT)
    if version.index() != VERSION:
        raise version.fault(found=str(version.index()), expected=f"version {VERSION}")
    scale = document["scale"].index()
    if scale < 2:
        raise document["scale"].fault(found=str(scale), expected="2 or more")
    maps = tuple(_map(root, node, scale) for node in document.items("maps"))
    _refuse_twice(document, [one.name for one in maps])
    return TextureMapSet(
        root=root,
        scale=scale,
        licence=document["licence"].text(),
        validation_only=document.flag_of("validation_only"),
        turned=document.flag_of("turned"),
        maps=maps,
    )


def read_texture_tile(tile: TextureTile) -> TilePixels:
    """Decode the pictures of a tile.

    Raises:
        CaptureError: one cannot be read, or has other channels than RGB.
    """
    return TilePixels(
        low=_rgb(tile.low),
        truth=_rgb(tile.truth),
        mask=read_mask(tile.mask, where=str(tile.mask)),
        references=tuple(_rgb(reference.path) for reference in tile.references),
    )


def _told(tile: TextureTile) -> dict[str, Any]:
    return {
        "name": tile.name,
        "box": [tile.box.x, tile.box.y, tile.box.width, tile.box.height],
        "mask_share": round(tile.mask_share, 4),
        "references": [
            {"view": reference.view, "shows": round(reference.shows, 4)}
            for reference in tile.references
        ],
    }


def _map(root: Path, node: JsonNode, scale: int) -> TextureMap:
    name = node["name"].text()
    folder = confined(root, root, name, where=node["name"].where)
    tiles = tuple(_tile(folder, each, scale) for each in node.items("tiles"))
    _refuse_twice(node, [tile.name for tile in tiles])
    atlas, mask = (_there(folder / file, node) for file in (ATLAS, MASK))
    size = _size(atlas)
    if _size(mask) != size:
        raise node.fault(found=f"a mask of another size than {ATLAS}", expected="one size")
    plane = Region(x=0, y=0, width=size[0], height=size[1])
    for tile in tiles:
        if tile.box.intersected(plane) != tile.box:
            found = f"the tile '{tile.name}', which leaves the atlas"
            raise node.fault(found=found, expected=f"boxes within {size[0]} x {size[1]}")
    return TextureMap(name=name, source=node["source"].text(), atlas=atlas, mask=mask, tiles=tiles)


def _tile(map_folder: Path, node: JsonNode, scale: int) -> TextureTile:
    name = node["name"].text()
    folder = confined(map_folder, map_folder / TILES, name, where=node["name"].where)
    box = _box(node["box"], scale)
    low, truth, mask = (_there(folder / file, node) for file in (LOW, TRUTH, MASK))
    for path, smaller in ((low, scale), (truth, 1), (mask, 1)):
        _check_size(path, (box.width // smaller, box.height // smaller), node)
    references = node.items("references")
    if len(references) > MAX_REFERENCES:
        raise node.fault(found=f"{len(references)} references", expected=f"<= {MAX_REFERENCES}")
    return TextureTile(
        name=name,
        box=box,
        mask_share=node["mask_share"].number(),
        low=low,
        truth=truth,
        mask=mask,
        references=tuple(
            TileReference(
                view=each["view"].text(),
                path=_there(folder / reference_name(index), each),
                shows=each["shows"].number(),
            )
            for index, each in enumerate(references)
        ),
    )


def _box(node: JsonNode, scale: int) -> Region:
    numbers = [each.index() for each in node.elements()]
    if len(numbers) != 4 or any(number % scale for number in numbers) or 0 in numbers[2:]:
        expected = f"x, y, width and height, multiples of {scale}"
        raise node.fault(found=str(numbers)[:60], expected=expected)
    x, y, width, height = numbers
    return Region(x=x, y=y, width=width, height=height)


def _there(path: Path, node: JsonNode) -> Path:
    if not path.is_file():
        raise node.fault(found=f"no file {path}", expected="the pictures that the manifest names")
    return path


def _check_size(path: Path, wanted: tuple[int, int], node: JsonNode) -> None:
    size = _size(path)
    if size != wanted:
        found = f"{path.name} of {size[0]} x {size[1]} texels"
        raise node.fault(found=found, expected=f"{wanted[0]} x {wanted[1]}")


def _size(path: Path) -> tuple[int, int]:
    header = image_header(path, where=path)
    return header.width_px, header.height_px


def _refuse_twice(node: JsonNode, names: list[str]) -> None:
    if len(set(names)) < len(names):
        raise node.fault(found="a name that stands twice", expected="unique names")


def _rgb(path: Path) -> np.ndarray:
    stored, _ = read_image(path, where=path)
    if stored.shape[2] != 3:
        raise CaptureError(
            path,
            found=f"{stored.shape[2]} channels",
            expected="RGB",
            remedy="make the folder again with `texsr dataset texture-maps`",
        )
    return stored
