"""Shipped files: the sample capture, viewer scripts, checkpoints."""
