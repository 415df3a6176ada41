"""Whether a result is still true: same inputs, same settings, same version."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from texsr.flows import manifest as manifests
from texsr.flows.artifacts import is_whole
from texsr.flows.job import Job, Outcome, Stock
from texsr.flows.manifest import Manifest
from texsr.flows.model_choice import shipped_content


def fresh_at_a_glance(job: Job) -> Outcome | None:
    """Give the result that is there if nothing was touched since; nothing large is read."""
    found = _usable(job)
    if found is None or options(job) != {**found.options, "scale": None}:
        return None
    if found.surroundings != manifests.surroundings(job.capture):
        return None
    elsewhere = {Path(name): stamp for name, stamp in found.inputs.items() if name.startswith("/")}
    if not all(stamp.matches(path) for path, stamp in elsewhere.items()):
        return None
    return _outcome(job, found)


def fresh_by_content(job: Job, stock: Stock) -> Outcome | None:
    """Give the result that is there if the inputs hold what they held, whatever their dates."""
    found = _usable(job)
    if found is None or not manifests.same_content(found.inputs, stock.inputs):
        return None
    asked = {**options(job, stock.scale), "scale_asked": found.options["scale_asked"]}
    if asked != found.options:
        return None
    renewed = replace(found, inputs=stock.inputs, surroundings=stock.surroundings)
    manifests.write_manifest(job.out, renewed)  # the next look is a glance
    return _outcome(job, found)


def options(job: Job, scale: float | None = None) -> dict[str, Any]:
    """Give every option of a job as JSON has it, and what the model's name stands for.

    `scale` is the one that applied, once known. A checkpoint file is not here but an input.
    """
    said = {
        **asdict(job.settings),
        "scale": scale,
        "scale_asked": None if job.capture_scale else job.settings.scale,
        "shipped": shipped_content(job.settings.model, job.settings.head),
    }
    return json.loads(json.dumps(said))


def _usable(job: Job) -> Manifest | None:
    found = manifests.read_manifest(job.out)
    if job.force or found is None or found.version != manifests.texsr_version():
        return None
    return found if is_whole(job.out, found) else None


def _outcome(job: Job, found: Manifest) -> Outcome:
    return Outcome(fresh=True, capture=str(job.capture), out=str(job.out), summary=found.summary)
