"""The size that a training settles on."""

from dataclasses import replace

import pytest

from texsr.flows.training_presets import (
    PRESETS,
    Preset,
    scales_to_learn,
    settle_config,
    with_scales,
)
from texsr.models.masa import MasaConfig
from texsr.models.texsr import TexsrConfig
from texsr.pipeline.errors import SettingsError

FAST = PRESETS[Preset.FAST]
assert isinstance(FAST, TexsrConfig)


def test_how_often_tiles_are_turned_is_no_question_of_size():
    older = replace(FAST, turns=2, single_turns=4)
    assert settle_config(FAST, older) == FAST
    bare = replace(older, single_width=0, single_blocks=0, single_turns=1)
    assert settle_config(FAST, bare) == FAST
    assert settle_config(None, older) == older


def test_how_far_sam_looks_is_none_either():
    masa = PRESETS[Preset.MASA_SEED]
    assert isinstance(masa, MasaConfig)
    assert settle_config(masa, replace(masa, adapted_around=None)) == masa
    with pytest.raises(SettingsError, match="sam True"):
        settle_config(replace(masa, sam=False), masa)


def test_another_width_is():
    with pytest.raises(SettingsError, match="width 48"):
        settle_config(replace(FAST, width=64), FAST)


def test_the_scales_of_a_checkpoint_stay_and_those_asked_for_learn():
    both = replace(FAST, scales=(2, 4), own_trunks=(2,))
    for asked in (2, 4):
        wanted = with_scales(both, (asked,))
        assert settle_config(wanted, both) == both
        assert scales_to_learn(wanted, both, both) == (asked,)
    assert scales_to_learn(None, both, both) == (2, 4)
    assert settle_config(with_scales(FAST, (2,)), FAST) == both
    assert scales_to_learn(with_scales(FAST, (2, 4)), both, FAST) == (2,)


def test_scales_that_share_trunks_learn_together():
    shared = replace(FAST, scales=(2, 4))
    assert scales_to_learn(with_scales(shared, (2,)), shared, shared) == (2, 4)
