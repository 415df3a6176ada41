"""Tiny captures, trainings, pictures, maps, models, and a stand-in that enlarges by repetition."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import texsr.flows
from tests.scene_cameras import orbit
from tests.scene_files import write_scene
from tests.scenes import Shape, make_scene
from tests.texture_maps import write_texture_maps
from tests.tiny_networks import CONFIGS, write_random
from tests.training_jobs import RECIPE, SITTING, tiles
from texsr.flows.job import settle
from texsr.flows.progress import Progress
from texsr.flows.run import run_job
from texsr.flows.settings import RunSettings
from texsr.flows.training_data import write_pack
from texsr.flows.training_settings import Material, TrainJob
from texsr.models.smfanet import Smfanet
from texsr.pipeline.capture import Capture, Finding
from texsr.pipeline.record import AtlasRecord, RunRecord, Spread, ViewRecord, Worth


@pytest.fixture(scope="session")
def scene():
    return make_scene(Shape.PLANE, low_tx=16, cameras=orbit(3, size_px=48, half=True))


@pytest.fixture
def capture(scene, tmp_path) -> Path:
    return write_scene(scene, tmp_path / "vase")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sharpened:
    """As the real one: stored textures and provenance, mapped; and what happened."""

    textures: tuple[np.memmap, ...]
    provenance: tuple[np.memmap, ...]
    record: RunRecord


@dataclass
class Repeater:
    """Enlarges by repetition, counts its calls, and does what the test asks for in the middle."""

    calls: int = 0
    meddle: Callable[[Capture, Path], None] = lambda capture, work: None
    findings: tuple[Finding, ...] = ()
    seen: list[RunSettings] = field(default_factory=list)

    def __call__(
        self, capture: Capture, settings: RunSettings, work_dir: Path, progress: Progress
    ) -> Sharpened:
        self.calls += 1
        self.seen.append(settings)
        sides: dict[str, list[np.memmap]] = {"textures": [], "provenance": []}
        records = []
        for index, atlas in enumerate(capture.surface.atlases):
            high = atlas.stored.repeat(round(settings.scale), 0).repeat(round(settings.scale), 1)
            levels = np.full((*high.shape[:2], 2), 4, np.uint8)
            for side, array in (("textures", high), ("provenance", levels)):
                mapped = np.lib.format.open_memmap(
                    work_dir / f"{side}{index}.npy", "w+", array.dtype, array.shape
                )
                mapped[:] = array
                sides[side].append(mapped)
            records.append(self._record(atlas.name, atlas.stored.shape, high.shape, capture))
        self.meddle(capture, work_dir)
        progress("repeat", 1, 1)
        record = RunRecord(
            capture=str(capture.root),
            mesh=str(capture.surface.path),
            cameras=str(capture.cameras_path),
            model="repeat",
            device="cpu",
            scale=settings.scale,
            version="test",
            atlases=tuple(records),
            left_out=capture.left_out,
            findings=(*capture.findings, *self.findings),
            timings_s={"repeat": 0.01},
        )
        return Sharpened(
            textures=tuple(sides["textures"]),
            provenance=tuple(sides["provenance"]),
            record=record,
        )

    def _record(
        self, name: str, low: tuple[int, ...], high: tuple[int, ...], capture: Capture
    ) -> AtlasRecord:
        spread = Spread(p10=0.1, median=0.8, p90=2.0)
        facts: dict[str, Any] = {"share_seen": 0.9, "share_best": 0.3, "trust": 1.0}
        views = tuple(
            ViewRecord(
                name=view.name,
                used=index > 0,
                reason="adds detail" if index > 0 else "twin of another",
                shift_px=0.0,
                noise=1.0,
                sharpness=1.0,
                **facts,
            )
            for index, view in enumerate(capture.views)
        )
        return AtlasRecord(
            name=name,
            low_size_tx=low[:2],
            high_size_tx=high[:2],
            bits=8,
            alpha="",
            share_covered=0.5,
            share_unseen=0.1,
            share_photo_backed=0.75,
            tx_per_unit=(8.0, 32.0),
            seam_error=(1.0, 0.5),
            num_tiles=1,
            stacked_texels=0,
            worth=Worth(px_per_texel=spread, fillable_scale=2.5, share_gaining=0.9),
            views=views,
        )


@pytest.fixture
def repeater(monkeypatch) -> Repeater:
    """Stand in for `texsr.flows.sharpen` as long as the test runs; reports go without pictures."""
    stand_in = Repeater()
    module = ModuleType("texsr.flows.sharpen")
    module.sharpen = stand_in
    module.Sharpened = Sharpened
    monkeypatch.setitem(sys.modules, "texsr.flows.sharpen", module)
    monkeypatch.setattr(texsr.flows, "sharpen", module, raising=False)
    monkeypatch.setattr("texsr.flows.showing.report_pictures", lambda capture, textures: [])
    return stand_in


@pytest.fixture
def packs(tmp_path) -> Path:
    """A folder of two packs to learn from."""
    for index in range(2):
        write_pack(tiles(2, index), tmp_path / "packs" / f"p{index}")
    return tmp_path / "packs"


@pytest.fixture
def job(tmp_path, packs) -> TrainJob:
    """A job of four steps with one capture to validate on."""
    write_pack(tiles(2, 9), tmp_path / "check" / "vase")
    material = Material(packs=(packs,), validation=(tmp_path / "check" / "vase",))
    return TrainJob(out=tmp_path / "run", material=material, recipe=RECIPE, sitting=SITTING)


@pytest.fixture(scope="module")
def smfanet(tmp_path_factory) -> Path:
    """Untrained weights of a small SMFANet+."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "x4.safetensors"
    save_file(Smfanet(4, width=8).state_dict(), path)
    return path


@pytest.fixture
def scenes(tmp_path, rng) -> Path:
    """Two pictures with a reference each, in CUFED5's manner; sides that 4 does not divide."""
    root = tmp_path / "test"
    root.mkdir()
    for name in ("001", "002"):
        for number in (0, 1):
            small = rng.integers(0, 256, (12, 15, 3), dtype=np.uint8)
            Image.fromarray(small).resize((62, 51)).save(root / f"{name}_{number}.png")
    return root


@pytest.fixture
def maps(tmp_path) -> Path:
    """Two maps of two tiles with two references each."""
    return write_texture_maps(tmp_path / "maps", names=("cup", "vase"), tiles=2, references=2)


@pytest.fixture
def models(tmp_path) -> dict[str, str]:
    """Random weights of every published network."""
    return {
        name: str(write_random(config, tmp_path / f"{name}.safetensors"))
        for name, config in CONFIGS.items()
    }


def run(capture, **options):
    return run_job(settle(capture, **options))


def contents(folder: Path) -> dict[str, bytes]:
    """Everything below a folder, hidden files too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="session")
def prefect_server():
    """A server of its own for this session; it takes ten seconds to start."""
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield


def artifacts_of(key: str) -> list:
    """Everything that flows left under a key."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        return client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        )
