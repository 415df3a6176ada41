"""Orchestration: the only folder that composes stages and knows Prefect."""
