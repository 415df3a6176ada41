"""Is the network fast enough? `python tests/benchmarks/network_speed.py [--model NAME|FILE]`

Three questions, on a capture made for them (512² to 2048²); quote the answers from an idle machine:

- the network alone, and all that happens to a tile (references brought to the light of the atlas,
  network, consistency), with 4 references, in the tiles that a run would cut; beside it networks
  that look at the atlas alone, with random weights, on the same atlas and threads in the same run;
- other layouts and number formats, on one tile;
- `texsr run` as a whole process.
"""

import copy
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from common import Answer, Claim, tell_all
from network_common import RANDOM, SCALE, network_of, network_parser, parts_of, random_file
from network_process import make_apart, whole_process
from network_timing import Timing, over_parts, square_parts, timed
from rivals import num_parameters, plain, rrdb
from torch import Tensor

from texsr.flows.atlas_job import AtlasJob
from texsr.flows.calibration import calibrate
from texsr.flows.memory import keep_freed
from texsr.flows.progress import silent
from texsr.flows.scene import Scene
from texsr.flows.settings import RunSettings
from texsr.flows.single_plane import pieces_of
from texsr.models.ahead import unfolded
from texsr.models.alignment import Aligned, align
from texsr.models.smfanet import Smfanet
from texsr.models.texsr import Outcome, Texsr
from texsr.models.texsr_upscaler import TexsrUpscaler
from texsr.pipeline.references import Warped
from texsr.pipeline.stages.load import load_capture

NUM_REFERENCES = 4
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


def tile_input(height: int, width: int, seed: int = 0) -> tuple[Tensor, Warped]:
    """Draw a tile with four references that see most of it."""
    rng = torch.Generator().manual_seed(seed)
    big = NUM_REFERENCES, height * SCALE, width * SCALE
    weight = torch.rand(1, *big, generator=rng)
    weight = torch.where(weight > 0.2, weight, 0.0)
    color = torch.rand(1, big[0], 3, *big[1:], generator=rng) * (weight > 0)[:, :, None]
    prior = torch.rand(1, NUM_REFERENCES, 2, height, width, generator=rng)
    trust = torch.full((1, NUM_REFERENCES), 0.8)
    low = torch.rand(1, 3, height, width, generator=rng)
    return low, Warped(color=color, weight=weight, prior=prior, trust=trust)


def told_before(upscaler: TexsrUpscaler, height: int, width: int) -> Tensor:
    """Give what stands for all that was said of the atlas alone, before its tiles."""
    planes = upscaler.single_planes(SCALE)
    draw = torch.Generator().manual_seed(0)
    return torch.rand(1, planes, height * SCALE, width * SCALE, generator=draw)


def network_call(
    upscaler: TexsrUpscaler, *, again: bool
) -> Callable[[int, int], Callable[[], object]]:
    """Give the network, as a run asks it, on references already in the light of the atlas.

    Args:
        upscaler: the network.
        again: photos are coarse, and looked at twice where the network does so.
    """
    looks = (False, True) if again and SCALE in upscaler.network.config.looks_again else (False,)

    def at(height: int, width: int) -> Callable[[], object]:
        low, references = tile_input(height, width)
        aligned = align(low, references, SCALE)
        config = upscaler.network.config
        planes = told_before(upscaler, height, width)
        ahead = unfolded(planes, SCALE, width=config.width, turns=config.turns)

        def ask() -> None:
            for second in looks:
                upscaler.network.answered(low, aligned, SCALE, ahead=ahead, again=second)

        return ask

    return at


def whole_call(upscaler: TexsrUpscaler) -> Callable[[int, int], Callable[[], object]]:
    """Give all that happens to a tile."""

    def at(height: int, width: int) -> Callable[[], object]:
        low, references = tile_input(height, width)
        planes = told_before(upscaler, height, width)
        return lambda: upscaler(low, references, SCALE, planes)

    return at


def single_call(
    network: Callable[[Tensor], Tensor],
) -> Callable[[int, int], Callable[[], Tensor]]:
    """Give a network that looks at the atlas alone."""

    def at(height: int, width: int) -> Callable[[], Tensor]:
        low = torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(0))
        return lambda: network(low)

    return at


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


def variants(network: Texsr) -> Iterator[tuple[str, Callable[[Tensor, Aligned], Outcome]]]:
    """List ways to run the network, the shipped one first."""

    def contiguous() -> Texsr:
        return copy.deepcopy(network).to(memory_format=torch.contiguous_format)  # pyright: ignore

    def in_bfloat16(low: Tensor, aligned: Aligned) -> Outcome:
        with torch.autocast("cpu", torch.bfloat16):
            return network(low, aligned, SCALE)

    yield "float32, channels last (as shipped)", lambda low, one: network(low, one, SCALE)
    plain_layout = contiguous()
    yield "float32, channels first", lambda low, one: plain_layout(low, one, SCALE)
    yield "bfloat16 everywhere (autocast)", in_bfloat16
    if shutil.which("g++") is not None:
        compiled = torch.compile(network)
        yield "float32, compiled", lambda low, one: compiled(low, one, SCALE)


def formats(upscaler: TexsrUpscaler, shape: tuple[int, int], repeat: int) -> Answer:
    """Answer whether another layout or number format would pay."""
    low, references = tile_input(*shape)
    aligned = align(low, references, SCALE)
    shipped: tuple[float, Tensor] | None = None
    rows: list[Row] = []
    for name, call in variants(upscaler.network):
        try:
            with torch.inference_mode():
                high = call(low, aligned).high.float()
            timing = timed(lambda call=call: call(low, aligned), repeat)
        except (RuntimeError, NotImplementedError) as error:
            rows.append((f"{name}: {type(error).__name__}", None, None, None, None))
            continue
        shipped = shipped or (timing.median_s, high)
        change = 255.0 * float((high - shipped[1]).abs().max())
        faster = f"{shipped[0] / timing.median_s:.2f}"
        rows.append((name, timing.median_s, timing.spread, faster, f"{change:.2g}"))
    if shutil.which("g++") is None:
        rows.append(("float32, compiled: no g++ here", None, None, None, None))
    return Answer(
        question=f"Would other layouts or number formats make `{upscaler.name}` faster?",
        columns=("how", "median, s", "spread, s", "times as fast", "largest change, 1/255"),
        rows=rows,
        claims=[],
        inputs={"tile_tx": list(shape), "references": NUM_REFERENCES, "threads": NUM_THREADS},
        notes="The network and its branch on one tile; times as fast as the shipped way.",
    )


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
