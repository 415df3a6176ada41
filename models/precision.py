"""Where half precision pays: on devices that have units for it.

Tiles are answered in float32 on a CPU: rounding would differ with what lies around a tile, and tell
where tiles meet.
"""

import torch


def has_units_for_bf16(device: str) -> bool:
    """Tell whether a device has units that multiply matrices of bf16: GPUs, and CPUs with AMX."""
    if device.startswith("cuda"):
        return True
    able = getattr(torch.cpu, "get_capabilities", dict)()  # older ones do not say
    return bool(able.get("amx_bf16", False))
