"""A Prefect server for as long as deployments are served, where none is configured.

Prefect's temporary server starts by itself but runs no scheduler: deployments would be served and
their schedules never fire, without a word.
"""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager, suppress

from prefect.settings import PREFECT_API_URL, temporary_settings

from texsr.pipeline.errors import DependencyError

HOST, USUAL_PORT = "127.0.0.1", 4200
START_S = 120.0


@contextmanager
def api_server() -> Generator[str]:
    """Give the address of the configured server, or of one that lives as long as the block.

    Raises:
        DependencyError: the server does not start.
    """
    configured = PREFECT_API_URL.value()
    if configured:
        yield configured
        return
    port = _free_port()
    url = f"http://{HOST}:{port}/api"
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)],
        env={**os.environ, "PREFECT_SERVER_UI_API_URL": url},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C reaches the runner first, which still needs its server
    )
    try:
        _wait_until_healthy(url, process)
        with temporary_settings({PREFECT_API_URL: url}):
            yield url
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the server; it runs as a child of the command that was started, in one group with it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _free_port() -> int:
    """Give Prefect's usual port, so that its commands find the server; else any free one."""
    for port in (USUAL_PORT, 0):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise DependencyError(
        "Prefect server",
        found="no free port on the loopback interface",
        expected="one",
        remedy="start a server elsewhere and set PREFECT_API_URL",
    )


def _wait_until_healthy(url: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise DependencyError(
        "Prefect server",
        found="no answer" if process.poll() is None else f"exit code {process.returncode}",
        expected=f"a server that answers within {START_S:g} s",
        remedy="see what `prefect server start` says, or set PREFECT_API_URL to a running server",
    )
