"""What happened in a run: the facts that the report, the manifest and `--json` tell."""

from dataclasses import dataclass, field

from texsr.pipeline.capture import Finding, LeftOut


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A quantity over the surface: median and the 10th and 90th percentile."""

    p10: float
    median: float
    p90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """Whether the photos hold more than the atlas does."""

    px_per_texel: Spread  # best photo's px per *output* texel
    fillable_scale: float  # the scale at which the median texel gets one photo px
    share_gaining: float  # share of covered texels that some photo sees finer than the low atlas


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewRecord:
    """What one photo contributed."""

    name: str
    used: bool
    reason: str  # why it was chosen, or why not
    share_seen: float  # of the covered texels
    share_best: float  # of the covered texels, where it had the largest weight
    trust: float  # [0, 1]: agreement of its detail with the atlas
    shift_px: float  # median residual shift found and removed
    noise: float  # standard deviation of its noise, in 1/255
    sharpness: float  # relative to the sharpest photo, (0, 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class AtlasRecord:
    """What happened to one atlas."""

    name: str
    low_size_tx: tuple[int, int]  # height, width
    high_size_tx: tuple[int, int]
    bits: int
    alpha: str  # the rule its alpha was carried by, "" without alpha
    share_covered: float
    share_unseen: float  # of the covered texels
    share_photo_backed: float
    tx_per_unit: tuple[float, float]  # texel density before, after
    seam_error: tuple[float, float]  # before, after, in 1/255
    num_tiles: int
    stacked_texels: int  # low texels claimed by more than one chart
    worth: Worth
    views: tuple[ViewRecord, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """What happened in one run of one capture."""

    capture: str
    mesh: str
    cameras: str
    model: str
    device: str
    scale: float
    version: str
    references_as: str = "warped"  # how photos were given to the model: warped or cropped
    atlases: tuple[AtlasRecord, ...]
    left_out: tuple[LeftOut, ...]
    findings: tuple[Finding, ...]
    timings_s: dict[str, float] = field(default_factory=dict)
