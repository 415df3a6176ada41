"""Outcomes in plain text, as `run` and `batch` print them."""

from pathlib import Path

from texsr.flows.directory import BatchOutcome, Entry, Status
from texsr.flows.job import Outcome


def outcome_text(outcome: Outcome) -> str:
    """Say where the result is, what ran, which photos it used and what they gave."""
    facts = outcome.summary
    head = "fresh, nothing to do" if outcome.fresh else f"done in {facts['seconds']:.1f} s"
    lines = [
        f"{outcome.out}: {head}",
        f"model {facts['model']} on {facts['device']}, x{facts['scale']:g}",
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


def _names(names: list[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
