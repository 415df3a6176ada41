"""Upscalers: tensors in, tensors out; no mesh, no capture, no orchestrator."""

from texsr.models.architectures import load_upscaler as load_upscaler
from texsr.models.architectures import names as names
