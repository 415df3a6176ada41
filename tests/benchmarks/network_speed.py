"""Is the network fast enough? `python tests/benchmarks/network_speed.py [--model NAME|FILE]`

Three questions, on a capture made for them (512² to 2048²); quote the answers from an idle machine:

- the network alone, and all that happens to a tile (references brought to the light of the atlas,
  network, consistency), with 4 references, in the tiles that a run would cut; beside it networks
  that look at the atlas alone, with random weights, on the same atlas and threads in the same run;
- other layouts and number formats, on one tile;
- `texsr run` as a whole process.
"""

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from common import Answer, Claim, tell_all
from network_calls import NUM_REFERENCES, network_call, single_call, whole_call
from network_common import RANDOM, SCALE, network_of, network_parser, parts_of, random_file
from network_formats import formats
from network_process import make_apart, whole_process
from network_timing import Timing, over_parts, square_parts
from rivals import num_parameters, plain, rrdb

from texsr.flows.atlas_job import AtlasJob
from texsr.flows.calibration import calibrate
from texsr.flows.memory import keep_freed
from texsr.flows.progress import silent
from texsr.flows.scene import Scene
from texsr.flows.settings import RunSettings
from texsr.flows.single_plane import pieces_of
from texsr.models.smfanet import Smfanet
from texsr.models.texsr_upscaler import TexsrUpscaler
from texsr.pipeline.stages.load import load_capture

NUM_THREADS = 2
NUM_PHOTOS = 12
PHOTO_PER_TX = 1200 / 512  # side of a photo, px, to that of the low atlas
PIECE_PX, MARGIN_PX = 128, 16  # in which the published baseline figures were made
RRDB_TIMES = 10.0

Row = tuple[str | float | None, ...]
Parts = Counter[tuple[int, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """One line of the table."""

    what: str
    pieces: str
    parameters: int
    timing: Timing

    def row(self, beside: float) -> Row:
        """Give it beside another time."""
        size, times = f"{self.parameters / 1e6:.2f}", f"{beside / self.timing.median_s:.2f}"
        return (self.what, self.pieces, size, self.timing.median_s, self.timing.spread, times)


def product_tiles(capture: Path, upscaler: TexsrUpscaler, work: Path) -> Parts:
    """Count the padded tiles, by height and width, that a run would cut of a capture."""
    loaded = load_capture(capture)
    scene = Scene(loaded, RunSettings(references=NUM_REFERENCES), silent)
    job = AtlasJob(scene, 0, upscaler, SCALE, work)
    tiles = job.plan(calibrate(scene, 0))
    return Counter((tile.padded.height, tile.padded.width) for tile in tiles)


def time_all(upscaler: TexsrUpscaler, tiles: Parts, side: int, repeat: int) -> list[Timed]:
    """Time the network and its rivals on an atlas; the order is that of the table."""
    bare, margined = (square_parts(side, PIECE_PX, margin) for margin in (0, MARGIN_PX))
    cut, whole = f"as a run cuts ({_told(tiles)})", f"bare ({_told(bare)})"
    with_margin = f"with margins ({_told(margined)})"
    network = upscaler.network
    once, twice = (network_call(upscaler, again=again) for again in (False, True))
    small, stack, large = Smfanet(SCALE).eval(), plain(SCALE), rrdb()
    piece, pieces = min(PIECE_PX, side), branch_pieces(upscaler, side)
    ahead = f"as a run cuts ({_told(pieces)})"
    whole_network, alone = parts_of(network)
    branch = single_call(lambda low: upscaler.single_answer(low, SCALE))
    cases = [
        ("ours, all of a tile", cut, whole_network, whole_call(upscaler), tiles),
        ("ours, network on tiles", cut, whole_network, once, tiles),
        ("ours, network on tiles", whole, whole_network, once, bare),
        ("ours, network on tiles of coarse photos", cut, whole_network, twice, tiles),
        ("ours, what is said of the atlas alone", ahead, alone, branch, pieces),
        ("SMFANet+'s network", with_margin, small, single_call(small), margined),
        ("SMFANet+'s network", whole, small, single_call(small), bare),
        ("plain stack of convolutions", whole, stack, single_call(stack), bare),
    ]
    found = [
        Timed(what=what, pieces=cut_how, parameters=num_parameters(of), timing=timing)
        for what, cut_how, of, at, parts in cases
        for timing in [over_parts(at, parts, repeat)]
    ]
    one = over_parts(single_call(large), Counter({(piece, piece): 1}), max(1, repeat // 2))
    times = (side / piece) ** 2
    told = f"one of {piece}², times {times:g}"
    size = num_parameters(large)
    rival = Timed(what="RRDB network", pieces=told, parameters=size, timing=one.times(times))
    return [*found, rival]


def branch_pieces(upscaler: TexsrUpscaler, side: int) -> Parts:
    """Count the pieces in which a run asks the single-image branch about an atlas."""
    pieces = pieces_of((side, side), upscaler.single_overlap_tx)
    return Counter((piece.padded.height, piece.padded.width) for piece in pieces)


def _told(parts: Parts) -> str:
    largest = max(parts)
    return f"{parts.total()} of up to {largest[0]} x {largest[1]}"


def networks(upscaler: TexsrUpscaler, tiles: Parts, side: int, repeat: int) -> Answer:
    """Answer how the network compares with networks that look at the atlas alone."""
    found = time_all(upscaler, tiles, side, repeat)
    _, cut, bare, coarse, branch, small, small_bare, stack, large = (
        one.timing.median_s for one in found
    )
    ours, ours_bare, ours_coarse = cut + branch, bare + branch, coarse + branch
    return Answer(
        question=f"Is the network of `{upscaler.name}` as fast as those without references?",
        columns=("network", "pieces", "parameters, M", "median, s", "spread, s", "times as fast"),
        rows=[one.row(small) for one in found],
        claims=[
            _faster(
                "all, as a run cuts",
                ours,
                f"SMFANet+'s {small:.1f} s in its own",
                small,
            ),
            _faster("all, bare tiles", ours_bare, f"SMFANet+'s {small_bare:.1f} s", small_bare),
            _faster("all, bare tiles", ours_bare, f"the plain stack's {stack:.1f} s", stack),
            Claim(
                text=f"all, as a run cuts: {large / ours:.1f} times as fast as the RRDB "
                f"network (at least {RRDB_TIMES:g})",
                met=large >= RRDB_TIMES * ours,
            ),
            _faster(
                "all, as a run cuts, both looks",
                ours_coarse,
                f"SMFANet+'s {small:.1f} s in its own",
                small,
            ),
            Claim(
                text=f"all, as a run cuts, both looks: {large / ours_coarse:.1f} times as fast as "
                f"the RRDB network (at least {RRDB_TIMES:g})",
                met=large >= RRDB_TIMES * ours_coarse,
            ),
        ],
        inputs={
            "low_tx": side,
            "references": NUM_REFERENCES,
            "threads": NUM_THREADS,
            "repetitions": repeat,
        },
        notes="Seconds for the whole atlas, every shape of tile timed by itself. Times as fast as "
        "SMFANet+'s network with margins. Rivals have random weights. The single-image branch "
        "and the first trunk are asked about the whole atlas once, before its tiles. Coarse "
        "photos, of up to half a pixel a texel and a little more, are looked at twice.",
    )


def _faster(what: str, own: float, whose: str, other: float) -> Claim:
    return Claim(text=f"{what}: {own:.1f} s, not above {whose}", met=own <= other)


def main() -> None:
    """Read the command line."""
    made = network_parser(__doc__)
    made.add_argument("--low", type=int, default=512, help="side of the low atlas, tx")
    made.add_argument("--repeat", type=int, default=5)
    made.add_argument("--processes", type=int, default=3, help="whole runs; 0: none")
    asked = made.parse_args()
    torch.set_num_threads(NUM_THREADS)
    keep_freed()  # as the command does
    upscaler = network_of(asked.model)
    with tempfile.TemporaryDirectory(prefix="texsr-") as work:
        photo_px = round(PHOTO_PER_TX * asked.low)
        made_at = Path(work) / "made"
        capture = make_apart(made_at, low_tx=asked.low, num_photos=NUM_PHOTOS, photo_px=photo_px)
        answers: list[Answer] = []
        if asked.processes:
            model = str(random_file(Path(work))) if asked.model == RANDOM else asked.model
            options = ("--model", model, "--references", f"{NUM_REFERENCES}")
            answers.append(whole_process(capture, asked.low, options, asked.processes))
        tiles = product_tiles(capture, upscaler, Path(work))
    answers.append(networks(upscaler, tiles, asked.low, asked.repeat))
    answers.append(formats(upscaler, max(tiles), asked.repeat))
    tell_all(answers, asked.json)


if __name__ == "__main__":
    main()
