"""Answers in plain text, as the commands print them."""

from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from texsr.flows.directory import BatchOutcome, Entry, Status
from texsr.flows.job import Outcome

if TYPE_CHECKING:
    from texsr.pipeline.diagnosis import Diagnosis
    from texsr.pipeline.record import Worth
    from texsr.pipeline.stages.plan import RunPlan


def outcome_text(outcome: Outcome) -> str:
    """Say where the result is, what ran, which photos it used and what they gave."""
    facts = outcome.summary
    head = "fresh, nothing to do" if outcome.fresh else f"done in {facts['seconds']:.1f} s"
    lines = [
        f"{outcome.out}: {head}",
        f"model {facts['model']} on {facts['device']}, x{facts['scale']:g}{_form_text(facts)}",
        f"{len(facts['photos_used'])} photos used: {_names(facts['photos_used'])}",
    ]
    if facts["photos_unused"]:
        unused = [f"{name} ({reason})" for name, reason in facts["photos_unused"].items()]
        lines.append(f"{len(unused)} photos not needed: {_names(unused)}")
    lines += [f"left out {name}: {why}" for name, why in facts["photos_left_out"].items()]
    lines.append(
        f"photo-backed: {facts['share_photo_backed']:.0%} of the surface; "
        f"unseen: {facts['share_unseen']:.0%}; {facts['px_per_texel']:.2f} photo px per texel"
    )
    lines += [f"warning: {warning}" for warning in facts["warnings"]]
    report = Path(outcome.out) / "report.html"
    return "\n".join([*lines, f"report: {report}"])


def batch_text(outcome: BatchOutcome) -> str:
    """Say how each capture of a batch ended, one a line."""
    width = max(len(entry.capture) for entry in outcome.entries)
    lines = [
        f"{entry.capture:<{width}}  {entry.status.value:<6}  {gist(entry)}"
        for entry in outcome.entries
    ]
    good = len(outcome.entries) - outcome.num_failed
    return "\n".join([*lines, f"{good} of {len(outcome.entries)} captures have a result"])


def gist(entry: Entry) -> str:
    """Say in one line how one capture of a batch ended."""
    facts = entry.facts
    if entry.status is Status.FAILED:
        parts = [facts["error"], facts["found"], facts.get("remedy", "")]
        return "; ".join(part for part in parts if part)
    backed = f"{facts['share_photo_backed']:.0%} photo-backed"
    return f"{backed}, {len(facts['photos_used'])} photos -> {facts['out']}"


def _form_text(facts: dict[str, Any]) -> str:
    form = facts["references_as"]
    return "" if form == "warped" else f", references {form}"


def _names(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def scores_text(facts: dict[str, Any]) -> str:
    """Say how near a result comes to its truth, beside bicubic."""
    result, bicubic = facts["result"], facts["bicubic"]
    lines = [f"PSNR-Y {result['psnr_y']:.2f} dB, SSIM-Y {result['ssim_y']:.4f}"]
    if bicubic is not None:
        lines.append(f"bicubic {bicubic['psnr_y']:.2f} dB, SSIM-Y {bicubic['ssim_y']:.4f}")
        lines.append(f"gain {facts['gain_db']:+.2f} dB")
    lines.append(f"seam error {facts['seam_error']:.2f}/255")
    if facts["confidence_spearman"] is not None:
        lines.append(f"confidence ranks the error to {facts['confidence_spearman']:.2f}")
    return "\n".join(lines)


def held_out_text(facts: dict[str, Any]) -> str:
    """Say how well the detail of held-out photos is met, before and after."""
    lines = [
        f"{name}: detail agrees to {one['result']:.3f}, before {one['low']:.3f}"
        for name, one in facts["held_out"].items()
    ]
    return "\n".join([*lines, f"mean gain {facts['mean_gain']:+.3f}"])


def diagnosis_text(diagnosis: "Diagnosis") -> str:
    """Say what a capture holds, what is wrong with it and how to mend that."""
    unit = "" if diagnosis.unit_m is None else f", one unit is {diagnosis.unit_m:g} m"
    lines = [
        f"{diagnosis.mesh}: {diagnosis.num_vertices} vertices, {diagnosis.num_faces} faces, "
        f"{diagnosis.num_charts} charts, {diagnosis.size:.3g} units across{unit}"
    ]
    lines += [
        f"{a.name}: {a.width_tx} x {a.height_tx} texels, {a.channels} channels of {a.bits} bits, "
        f"{a.container}"
        for a in diagnosis.atlases
    ]
    known = [fit.correlation for fit in diagnosis.fits.values() if fit.correlation is not None]
    agree = f", agreeing with the atlas to {median(known):.2f}" if known else ""
    lines.append(f"{diagnosis.cameras}: {len(diagnosis.fits)} photos{agree}")
    lines += [f"left out {name}: {why}" for name, why in diagnosis.left_out.items()]
    lines += [
        f"{one.severity.value}: {one.where}: {one.text}" + (f"; {one.remedy}" if one.remedy else "")
        for one in diagnosis.findings
    ]
    if diagnosis.worth is not None:
        lines.append(_worth_text(diagnosis.worth))
    lines.append("healthy" if diagnosis.healthy else "not fit to run as it is")
    return "\n".join(lines)


def plan_text(plan: "RunPlan") -> str:
    """Say what a run will take, and what the photos can give."""
    lines: list[str] = []
    for atlas in plan.atlases:
        low, high, worth = atlas.low_size_tx, atlas.high_size_tx, atlas.worth
        lines += [
            f"{atlas.name}: {low[1]} x {low[0]} -> {high[1]} x {high[0]} texels in "
            f"{atlas.num_tiles} tiles of {atlas.tile_size_tx}, {atlas.num_references} photos",
            f"  {_worth_text(worth)}",
        ]
    lines.append(
        f"about {plan.seconds:.0f} s, {plan.peak_memory_mb / 1000:.1f} GB of memory, "
        f"{plan.disk_mb / 1000:.2f} GB of disk at the height"
    )
    return "\n".join(lines)


def _worth_text(worth: "Worth") -> str:
    spread = worth.px_per_texel
    return (
        f"{spread.median:.2f} photo px per output texel ({spread.p10:.2f} to {spread.p90:.2f}); "
        f"the photos fill x{worth.fillable_scale:.1f}; "
        f"{worth.share_gaining:.0%} of the surface can gain"
    )
