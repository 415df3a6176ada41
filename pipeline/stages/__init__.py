"""Verbs, in the order a capture meets them. A stage never imports a stage."""
