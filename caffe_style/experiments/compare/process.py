"""Running a worker, and reporting how it ended."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
import threading
import time
from typing import Any, Callable, Dict

from ...system.workers import start_worker

WORKER = "caffe_style.experiments.compare.worker"


def run_worker(
    job: Dict[str, Any], timeout: float, listen: Callable[[Dict[str, Any]], None]
) -> Dict[str, Any]:
    """Run a job in a separate process.

    Parameters
    ----------
    job : dict
        Job as `worker.main` takes it.
    timeout : float
        Seconds after which the process is killed.
    listen : callable
        Function that is called with each message except the last.

    Returns
    -------
    dict
        The worker's row, or {"error": one line} if it failed, crashed, was killed or took too long.
    """
    with tempfile.TemporaryFile("w+", errors="replace") as complaints:
        job = {**job, "spawned": time.time()}
        process = start_worker(WORKER, [json.dumps(job)], stdout=subprocess.PIPE, stderr=complaints)
        late = threading.Event()

        def stop() -> None:
            late.set()
            process.kill()

        alarm = threading.Timer(timeout, stop)
        alarm.start()
        answer: Dict[str, Any] = {}
        try:
            for line in process.stdout:
                message = json.loads(line)
                if "iteration" in message:
                    listen(message)
                else:
                    answer = message.get("row", message)
            process.wait()
        finally:
            alarm.cancel()
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()
        if answer:
            return answer
        if late.is_set():
            return {"error": "timeout: not done after %g seconds" % timeout}
        complaints.seek(0)
        return {"error": _end(process.returncode, complaints.read())}


def _end(status: int, complaints: str) -> str:
    """Describe in one line how a process ended that sent no result."""
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    last = lines[-1] if lines else "no message"
    if status == -getattr(signal, "SIGKILL", 9):
        return "killed: most likely out of memory, choose a smaller size"
    if status < 0:
        return "crashed (%s): %s" % (signal.Signals(-status).name, last)
    return "crashed: %s" % last
