"""File formats: bytes to nouns, nouns to bytes. One file a format."""
