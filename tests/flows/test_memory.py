"""What the C library is told about freed memory: by what the system has to give anew."""

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from texsr.flows.memory import keep_freed, return_freed

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

def make_and_drop(times):
    for _ in range(times):
        b"x" * 3 * 2**24  # 48 MiB

{first}
make_and_drop(1)
before = faults()
make_and_drop(5)
{then}
print(faults() - before)
"""
PAGES = 3 * 2**24 // 4096

pytestmark = pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc", reason="glibc alone takes such advice"
)


def faults_of(*, first: str = "", then: str = "") -> int:
    """Count the pages that making and dropping an array five times takes in a fresh process."""
    script = FAULTS.format(first=first, then=then)
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    return int(done.stdout)


def test_memory_that_is_dropped_is_taken_again():
    assert faults_of() > 4 * PAGES
    assert faults_of(first="keep_freed()") < PAGES / 4


def test_what_was_kept_can_be_given_back():
    assert faults_of(first="keep_freed()", then="return_freed(); make_and_drop(1)") > 0.9 * PAGES
