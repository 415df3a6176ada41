"""Orchestration: the only folder that composes stages and knows Prefect.

Importing it loads nothing heavy: Prefect imports it as a collection, and the command line on
every start. The two flows load when they are asked for.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from texsr.flows.batch import super_resolve_directory
    from texsr.flows.super_resolve import super_resolve_capture

__all__ = ["super_resolve_capture", "super_resolve_directory"]

# Prefect reads these when it is imported, which every module below leaves until after this one.
# Its server calls home at each start and gives a temporary server 20 s, too few on a busy machine.
PREFECT_DEFAULTS = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}
for _name, _value in PREFECT_DEFAULTS.items():
    os.environ.setdefault(_name, _value)


def __getattr__(name: str) -> Any:
    """Load a flow when it is first asked for."""
    if name == "super_resolve_capture":
        from texsr.flows.super_resolve import super_resolve_capture

        return super_resolve_capture
    if name == "super_resolve_directory":
        from texsr.flows.batch import super_resolve_directory

        return super_resolve_directory
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
