"""Where half precision pays: on devices that have units for it.

Tiles are answered in float32 on a CPU: rounding would differ with what lies around a tile, and tell
where tiles meet.
"""

import torch

UNITS = ("amx_bf16", "avx512_bf16")  # of CPUs, as PyTorch names them


def has_units_for_bf16(device: str) -> bool:
    """Tell whether a device has units that multiply bf16: GPUs, CPUs with AMX or AVX-512-BF16."""
    if device.startswith("cuda"):
        return True
    able = getattr(torch.cpu, "get_capabilities", dict)()  # older ones do not say
    return any(able.get(unit, False) for unit in UNITS)
