"""What passes between tasks comes back as it was."""

import json

import numpy as np
import pytest

from tests.flows.conftest import Repeater
from texsr.flows.handles import decode, encode, load_sharpened, save_sharpened
from texsr.flows.settings import RunSettings
from texsr.models.masa import MasaConfig
from texsr.pipeline.capture import Finding, LeftOut, Severity
from texsr.pipeline.errors import CaptureError, OutputError
from texsr.pipeline.record import RunRecord
from texsr.pipeline.stages.load import load_capture


def test_fields_added_later_are_told_where_they_say_something():
    size, less = MasaConfig(width=8), MasaConfig(width=8, dram=False)
    assert set(encode(size)) == {"width", "encoder_blocks", "low_blocks", "fusion_blocks"}
    assert encode(less) == {**encode(size), "dram": False}
    assert [decode(MasaConfig, encode(one)) for one in (size, less)] == [size, less]


@pytest.mark.usefixtures("repeater")
def test_sharpened_textures_and_their_record_survive(capture, tmp_path):
    (sorted((capture / "images").iterdir())[0]).write_bytes(b"no photo")
    loaded = load_capture(capture)
    made = Repeater()(loaded, RunSettings(), tmp_path, lambda stage, done, total: None)
    again = load_sharpened(save_sharpened(made, tmp_path))
    assert encode(again.record) == encode(made.record)
    assert str(again.record.left_out[0].reason) == str(loaded.left_out[0].reason)
    for side in ("textures", "provenance"):
        for one, other in zip(getattr(made, side), getattr(again, side), strict=True):
            assert one.dtype == other.dtype
            assert np.array_equal(one, other)


def test_errors_enums_and_nothing_survive_json():
    error = OutputError("there", found="this", expected="that", remedy="mend it")
    left_out = LeftOut(name="a.jpg", reason=error)
    data = json.loads(json.dumps(encode(left_out)))
    again = decode(LeftOut, data)
    assert type(again.reason) is OutputError
    assert again.reason.as_json() == error.as_json()
    finding = Finding(severity=Severity.WARNING, where="w", text="t")
    assert decode(Finding, json.loads(json.dumps(encode(finding)))) == finding
    assert decode(str | None, None) is None
    assert decode(tuple[float, ...], [1.0, 2.0]) == (1.0, 2.0)
    assert isinstance(decode(CaptureError, encode(error)), OutputError)


def test_a_record_that_lacks_a_field_is_refused():
    with pytest.raises(TypeError):
        decode(RunRecord, {"capture": "x"})
