"""What a run tells at its end, in a dozen facts."""

from typing import Any

from texsr.pipeline.capture import Finding, Severity
from texsr.pipeline.record import AtlasRecord, RunRecord


def summarise(record: RunRecord) -> dict[str, Any]:
    """Draw from a record what `run`, `batch` and the manifest tell, as JSON has it."""
    used = sorted({v.name for a in record.atlases for v in a.views if v.used})
    unused = {v.name: v.reason for a in record.atlases for v in a.views if v.name not in used}
    left_out = {one.name: str(one.reason) for one in record.left_out}
    px_per_texel = _over_surface(record, [a.worth.px_per_texel.median for a in record.atlases])
    return {
        "model": record.model,
        "device": record.device,
        "scale": record.scale,
        "references_as": record.references_as,
        "photos_used": used,
        "photos_unused": unused,
        "photos_left_out": left_out,
        "share_photo_backed": _over_surface(record, [a.share_photo_backed for a in record.atlases]),
        "share_unseen": _over_surface(record, [a.share_unseen for a in record.atlases]),
        "px_per_texel": px_per_texel,
        "warnings": [_warning(f) for f in record.findings if f.severity is not Severity.INFO],
    }


def _over_surface(record: RunRecord, values: list[float]) -> float:
    """Average a quantity of the atlases by the texels that their charts cover."""
    covered = [_covered(atlas) for atlas in record.atlases]
    total = sum(covered)
    weighted = sum(value * weight for value, weight in zip(values, covered, strict=True))
    return round(weighted / total, 4) if total else 0.0


def _covered(atlas: AtlasRecord) -> float:
    height, width = atlas.high_size_tx
    return atlas.share_covered * height * width


def _warning(finding: Finding) -> str:
    remedy = f"; {finding.remedy}" if finding.remedy else ""
    return f"{finding.where}: {finding.text}{remedy}"
