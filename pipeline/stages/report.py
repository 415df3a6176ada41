"""Tell what happened in a run: report.json for programs, report.html for people."""

import json
import math
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from texsr.pipeline.errors import TexsrError
from texsr.pipeline.formats.report_page import report_html
from texsr.pipeline.formats.writing import write_file
from texsr.pipeline.picture import Picture
from texsr.pipeline.record import RunRecord

FORMAT = 1  # raised when a key of report.json changes its meaning or goes


def write_report(
    record: RunRecord, out_dir: Path, pictures: Sequence[Picture] = ()
) -> tuple[Path, Path]:
    """Write both reports into a directory.

    Args:
        record: what happened.
        out_dir: made if it is not there.
        pictures: shown in the page, in this order; they are stored inside it.

    Returns:
        report.html and report.json.
    """
    page, data = out_dir / "report.html", out_dir / "report.json"
    text = json.dumps(record_json(record), indent=2, allow_nan=False, ensure_ascii=False)
    write_file(data, f"{text}\n".encode())
    write_file(page, report_html(record, pictures).encode())
    return page, data


def record_json(record: RunRecord) -> dict[str, Any]:
    """Give a record as plain JSON values, keyed by its field names; NaN and infinity are null."""
    return {"format": FORMAT, **_plain(record)}


def _plain(value: Any) -> Any:
    if isinstance(value, TexsrError):
        return value.as_json()
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
