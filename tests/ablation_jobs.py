"""Jobs that measure published networks on the CPU, for the tests of ablation."""

from pathlib import Path

from texsr.flows.ablation_settings import AblationJob


def job_of(maps: Path, *models: str, **more: object) -> AblationJob:
    return AblationJob(sets=(maps,), models=models, device="cpu", **more)
