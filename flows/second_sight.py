"""Photos as the second look of a network sees them, for tiles that it learns from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float32
from torch import Tensor

from texsr.flows.model_choice import told_as_settings
from texsr.flows.training_origins import pack_note
from texsr.models.alignment import AlignmentSettings, Measured, measure
from texsr.models.architectures import build_network
from texsr.models.checkpoint import Checkpoint, digest_of
from texsr.models.plain import distinct
from texsr.models.protocol import WarpedReferences
from texsr.models.resample import enlarge_faithfully
from texsr.models.texsr import Texsr
from texsr.models.texsr_upscaler import FusionOptions, TexsrUpscaler
from texsr.pipeline.errors import SettingsError

NOTE = "seen_again_by"  # of how a pack was made: whose answer was in hand


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondSight:
    """The network that answers before photos are looked at again."""

    network: Texsr
    digest: str

    @property
    def note(self) -> Mapping[str, Any]:
        """What a pack notes besides its settings."""
        return {NOTE: self.digest}

    @property
    def references(self) -> int:
        """Views a cell of the surface may use: as many as in a run."""
        return self.network.config.max_references

    def measured(
        self,
        low: Float32[Tensor, "1 3 h w"],
        references: WarpedReferences,
        scale: int,
        crispness: float,
    ) -> Measured:
        """Measure references as at the first look; what they add is what the second one sees."""
        found = measure(low, enlarge_faithfully(low, scale), references, AlignmentSettings())
        found = found.chosen(distinct(references))
        upscaler = TexsrUpscaler(self.network, options=FusionOptions(crispness=crispness))
        again = upscaler.seen_again(low, references, scale)
        return found._replace(detail=again.detail)


def second_sight(start: Checkpoint | None) -> SecondSight:
    """Let the network of a checkpoint answer.

    Raises:
        SettingsError: there is none, or it is not the default network.
    """
    if start is None or start.architecture != "texsr":
        raise SettingsError(
            "--learn again",
            found="no --from" if start is None else f"a checkpoint of '{start.architecture}'",
            expected="a trained checkpoint of the default network, whose first look stays",
            remedy="give assets/models/fast.safetensors, or one of your own, with --from",
        )
    with told_as_settings():
        network = build_network(start, "--from")
    assert isinstance(network, Texsr)
    return SecondSight(network=network, digest=digest_of(start))


def check_sight(pack: Path, sight: SecondSight | None) -> None:
    """Refuse packs that were made for the other look, or with another network's answers.

    Raises:
        SettingsError: it is such a one.
    """
    found, wanted = (pack_note(pack, "made") or {}).get(NOTE), sight and sight.digest
    if found == wanted:
        return
    told = "as photographed" if found is None else f"as seen again with the answers of {found[:12]}"
    expected = "as photographed" if wanted is None else f"as seen again with those of {wanted[:12]}"
    raise SettingsError(
        pack,
        found=f"photos {told}",
        expected=f"photos {expected}",
        remedy="leave it out of --packs; give --scans, and tiles are made anew",
    )
