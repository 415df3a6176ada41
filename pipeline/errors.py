"""Every error that texsr raises on purpose.

TexsrError
├── CaptureError      a capture, mesh, atlas, photo or calibration that cannot be used (ValueError)
├── SettingsError     an option or a combination of options that makes no sense        (ValueError)
├── OutputError       the place a result should go to cannot take it
└── DependencyError   an optional library, driver or program is not there
"""

from pathlib import Path


class TexsrError(Exception):
    """Something a person can mend: where, what was found, what was expected, what to do."""

    def __init__(self, where: str | Path, *, found: str, expected: str, remedy: str) -> None:
        super().__init__(where, found, expected, remedy)
        self.where = str(where)
        self.found = found
        self.expected = expected
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}; expected {self.expected}; {self.remedy}"

    def as_json(self) -> dict[str, str]:
        """Give the four parts by name, for `--json` and the report."""
        return {
            "error": type(self).__name__,
            "where": self.where,
            "found": self.found,
            "expected": self.expected,
            "remedy": self.remedy,
        }


class CaptureError(TexsrError, ValueError):
    """The capture, or a file in it, cannot be used."""


class SettingsError(TexsrError, ValueError):
    """The options given make no sense together or for this capture."""


class OutputError(TexsrError):
    """The output cannot be written where it was asked for."""


class DependencyError(TexsrError):
    """A library, driver or program that this one feature needs is not installed."""
