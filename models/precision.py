"""Where half precision pays, and what is computed in it."""

from contextlib import AbstractContextManager, nullcontext

import torch


def has_units_for_bf16(device: str) -> bool:
    """Tell whether a device has units that multiply matrices of bf16: GPUs, and CPUs with AMX."""
    if device.startswith("cuda"):
        return True
    able = getattr(torch.cpu, "get_capabilities", dict)()  # older ones do not say
    return bool(able.get("amx_bf16", False))


def in_bf16(device: torch.device, wanted: bool) -> AbstractContextManager[object]:
    """Let convolutions and products of matrices be of bf16; not wanted: leave it as it is."""
    return torch.autocast(device.type, torch.bfloat16) if wanted else nullcontext()
