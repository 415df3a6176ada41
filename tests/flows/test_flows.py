"""The flows: the same results as the plain functions, told to Prefect."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.flows.conftest import artifacts_of, contents
from tests.scene_files import write_scene
from texsr.flows.job import settle
from texsr.flows.manifest import is_result
from texsr.flows.run import run_job
from texsr.flows.settings import RunSettings
from texsr.pipeline.errors import CaptureError


def test_importing_the_package_loads_no_prefect():
    program = (
        "import sys, os, texsr.flows\n"
        "assert 'prefect' not in sys.modules\n"
        "assert os.environ['DO_NOT_TRACK'] == '1'\n"
        "assert os.environ['PREFECT_SERVER_ANALYTICS_ENABLED'] == 'false'\n"
        "assert texsr.flows.__all__ == ['super_resolve_capture', 'super_resolve_directory']\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_what_a_person_set_for_prefect_stands():
    env = {**os.environ, "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "7"}
    program = "import os, texsr.flows; print(os.environ['%s'])"
    name = "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"
    done = subprocess.run(
        [sys.executable, "-c", program % name], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "7"


@pytest.mark.usefixtures("prefect_server")
def test_the_flow_leaves_what_the_plain_run_leaves(scene, capture, repeater, tmp_path):
    from texsr.flows import super_resolve_capture

    facts = super_resolve_capture(capture, RunSettings(scale=2))
    assert facts["status"] == "done"
    assert is_result(capture / "texsr")
    twin = write_scene(scene, tmp_path / "twin")
    run_job(settle(twin, RunSettings(scale=2)))
    by_flow, by_hand = contents(capture / "texsr"), contents(twin / "texsr")
    assert by_flow.keys() == by_hand.keys()
    for name in ("mesh.obj", "atlas.png", "atlas.provenance.png"):
        assert by_flow[name] == by_hand[name]
    assert super_resolve_capture(capture, RunSettings(scale=2))["status"] == "fresh"
    assert repeater.calls == 2
    assert any("photo-backed" in one.data for one in artifacts_of("texsr-run"))
    with pytest.raises(CaptureError, match="nothing there"):
        super_resolve_capture(tmp_path / "nowhere")


@pytest.mark.usefixtures("prefect_server")
def test_the_directory_flow_goes_on_past_a_bad_capture(scene, repeater, tmp_path):
    from texsr.flows import super_resolve_directory
    from texsr.flows.batch import run_batch_as_flow
    from texsr.flows.directory import BatchJob

    root = tmp_path / "shelf"
    for name in ("bad", "good"):
        write_scene(scene, root / name)
    (root / "bad" / "atlas.png").unlink()
    state = super_resolve_directory(root, return_state=True)
    assert state.is_completed()
    assert state.name == "PartlyDone"
    assert [one["status"] for one in state.result()["captures"]] == ["failed", "done"]
    rows = json.loads(artifacts_of("texsr-batch")[-1].data)
    assert {row["status"] for row in rows} == {"failed", "done"}
    (root / "good" / "atlas.png").unlink()
    outcome = run_batch_as_flow(BatchJob(root=root, out=None, settings=None))
    assert outcome.status == "failed"
    with pytest.raises(CaptureError, match="no such directory"):
        run_batch_as_flow(BatchJob(root=root / "nowhere", out=None, settings=None))


@pytest.mark.usefixtures("prefect_server")
def test_the_schedule_goes_to_the_deployment_that_fits(capture, tmp_path):
    from texsr.flows.deployments import make_deployments
    from texsr.pipeline.errors import SettingsError

    run, batch = make_deployments(capture, cron="0 3 * * *")
    assert (len(run.schedules), len(batch.schedules or [])) == (1, 0)
    run, batch = make_deployments(capture.parent, interval_s=600)
    assert (len(run.schedules or []), len(batch.schedules)) == (0, 1)
    assert batch.parameters["root"] == str(capture.parent)
    with pytest.raises(SettingsError, match="minute hour day month weekday"):
        make_deployments(capture, cron="every night")
    with pytest.raises(SettingsError, match="both"):
        make_deployments(capture, cron="0 3 * * *", interval_s=5)
    with pytest.raises(CaptureError, match="no such directory"):
        make_deployments(tmp_path / "nowhere")


@pytest.mark.slow
@pytest.mark.skipif(
    os.environ.get("TEXSR_SLOW") != "1", reason="takes a minute; TEXSR_SLOW=1 runs it"
)
def test_a_schedule_fires_with_no_server_configured(scene, tmp_path):
    vase = write_scene(scene, tmp_path / "shelf" / "vase")
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    env["PREFECT_HOME"] = str(tmp_path / "prefect")
    log = tmp_path / "log"
    program = "from texsr.flows.cli import main; main()"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "serve", str(tmp_path / "shelf"), "--interval", "15"],
            env=env,
            cwd=tmp_path,
            stdout=sink,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 180
        while log.read_text().count("1 of 1 captures have a result") < 2:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(1)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert is_result(vase / "texsr")
    address = re.search(r"server at (http://127\.0\.0\.1:\d+)", log.read_text())
    assert address is not None
    gone = time.monotonic() + 30
    while time.monotonic() < gone:
        try:
            urllib.request.urlopen(f"{address[1]}/api/health", timeout=5).close()
        except OSError:
            break
        time.sleep(0.5)
    else:
        pytest.fail("the server outlives the command that started it")
