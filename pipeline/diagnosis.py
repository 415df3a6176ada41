"""The health of a capture, as facts."""

from dataclasses import dataclass

from texsr.pipeline.agreement import Fit
from texsr.pipeline.capture import Finding, Severity
from texsr.pipeline.record import Worth
from texsr.pipeline.uv_faults import UvFaults


@dataclass(frozen=True, slots=True, kw_only=True)
class AtlasFacts:
    """One atlas as it came."""

    name: str
    height_tx: int
    width_tx: int
    channels: int
    bits: int
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The health of a capture."""

    mesh: str
    cameras: str
    num_vertices: int
    num_faces: int
    num_charts: int
    size: float  # diagonal of the bounding box, capture units
    unit_m: float | None
    atlases: tuple[AtlasFacts, ...]
    uv: UvFaults
    fits: dict[str, Fit]  # by photo
    left_out: dict[str, str]
    worth: Worth | None
    findings: tuple[Finding, ...]

    @property
    def healthy(self) -> bool:
        """Whether nothing was found that spoils a result."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)
