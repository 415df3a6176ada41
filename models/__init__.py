"""Upscalers: tensors in, tensors out; no mesh, no capture, no orchestrator."""
