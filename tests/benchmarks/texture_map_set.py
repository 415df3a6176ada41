"""A set in the manner of GEMAP and HUMAP: `python tests/benchmarks/texture_map_set.py --out DIR`

The validation captures cut by `texsr dataset texture-maps` into tiles of 64 x 64 low texels, x4, at
least half of each inside the mask, with four references each. Of the tiles that have all four, at
most twelve of a capture count, evenly apart in the order in which they lie on the atlas (row by
row). Which ones stands in `texture_map_tiles.json` beside this script: nothing is drawn, and making
the set again has to give the same list. The pictures stay in DIR; nothing may be trained on them.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from common import CAPTURES, NAMES, folder
from network_common import SCALE

from texsr.flows.texture_map_dataset import texture_map_dataset
from texsr.flows.tile_scores import spread
from texsr.pipeline.dataset import TextureMapSet, TextureMapSettings, TextureTile
from texsr.pipeline.formats.texture_map_folders import read_texture_maps

LIST = Path(__file__).with_name("texture_map_tiles.json")
NUM_REFERENCES, MOST_TILES, MIN_MASK_SHARE = 4, 12, 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A tile that counts."""

    capture: str
    x: int  # truth texels, of the upper-left corner
    y: int
    views: tuple[str, ...]  # of the references, in order


def listed(made: TextureMapSet) -> list[Listed]:
    """List the tiles of a set that count."""
    found: list[Listed] = []
    for one in made.maps:
        full = [tile for tile in one.tiles if len(tile.references) == NUM_REFERENCES]
        for tile in spread(sorted(full, key=lambda each: (each.box.y, each.box.x)), MOST_TILES):
            views = tuple(reference.view for reference in tile.references)
            found.append(Listed(capture=one.name, x=tile.box.x, y=tile.box.y, views=views))
    return found


def read_list() -> list[Listed]:
    """Read the tiles that count."""
    told = json.loads(LIST.read_text())["tiles"]
    return [Listed(**{**one, "views": tuple(one["views"])}) for one in told]


def find_tiles(root: Path) -> dict[str, list[TextureTile]]:
    """Find the tiles that count in a set on disk; by capture.

    Raises:
        SystemExit: it lacks some, shows other views in them, or was not cut from validation data.
    """
    made = read_texture_maps(root)
    if not made.validation_only or made.scale != SCALE:
        sys.exit(f"{root}: found no set of validation captures at x{SCALE}; make it with --out")
    by_place = {(one.name, tile.box.x, tile.box.y): tile for one in made.maps for tile in one.tiles}
    found: dict[str, list[TextureTile]] = {}
    for one in read_list():
        tile = by_place.get((one.capture, one.x, one.y))
        views = () if tile is None else tuple(reference.view for reference in tile.references)
        if tile is None or views != one.views:
            sys.exit(f"{root}: not the tile of {LIST.name} at {one}; make the set again with --out")
        found.setdefault(one.capture, []).append(tile)
    return found


def main() -> None:
    """Read the command line."""
    made = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    made.add_argument("--captures", type=Path, default=CAPTURES, help="validation captures")
    made.add_argument("--out", type=Path, required=True, help="a new scratch folder")
    made.add_argument("--as-photographed", action="store_true", help="crops that are not turned")
    made.add_argument("--renew", action="store_true", help="write the list anew")
    asked = made.parse_args()
    settings = TextureMapSettings(
        max_references=NUM_REFERENCES,
        min_mask_share=MIN_MASK_SHARE,
        turned=not asked.as_photographed,
        licence="validation captures, see their ATTRIBUTION files",
    )
    roots = [folder(asked.captures, name) for name in NAMES]
    cut = texture_map_dataset(roots, asked.out, settings)
    if not cut.validation_only:
        sys.exit(f"{asked.out}: cut from captures that are not marked as validation data")
    found = listed(cut)
    counts = {name: sum(one.capture == name for one in found) for name in NAMES}
    sys.stdout.write(f"{cut.num_tiles} tiles, {len(found)} count: {counts}\n")
    if asked.renew or not LIST.is_file():
        told = {"scale": SCALE, "tiles": [asdict(one) for one in found]}
        LIST.write_text(json.dumps(told, indent=1) + "\n")
        sys.stdout.write(f"written to {LIST}\n")
    elif found != read_list():
        sys.exit(f"not the tiles of {LIST}; see what changed, or write it anew with --renew")
    else:
        sys.stdout.write(f"the tiles of {LIST.name}, every one\n")


if __name__ == "__main__":
    main()
