"""The process of one row: it receives a job as JSON, and writes lines of JSON to standard output.

{"iteration": 3, "loss": 1.2}      after each iteration
{"row": {...}}                     at the end, or
{"error": "one line"}
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional

import numpy as np

from ...backends.threads import set_threads
from ...errors import CaffeStyleError
from ...networks.network import Network, open_network
from ...pictures import images
from ...scene.starts import start_picture
from ..presets import get_preset
from ..transfer import transfer

Job = Dict[str, Any]
Tell = Callable[[Dict[str, Any]], None]

#: Long edge in pixels of the pictures for which rounding errors are measured. float64 on numpy is slow.
CHECK_SIZE = 96
#: Pictures for which rounding errors are measured, as `starts.start_picture` makes them.
PROBES = ("mix:0.5", "style", "noise")
#: Percentiles of the seconds of an evaluation.
LOW, HIGH = 10, 90


def measure(job: Job, tell: Tell) -> Dict[str, Any]:
    """Make the picture on one backend, and measure the deviation from the reference if there is one."""
    network = _open(job, job["backend"], job["device"])
    result = transfer(
        job["content"],
        job["style"],
        network,
        **_settings(job, network, job["size"], job["iterations"]),
        callback=lambda record, image: tell({"iteration": record.iteration, "loss": record.loss}),
    )
    ended = time.time()
    history = result.history
    before = history[0].seconds - history[0].evaluation
    low, median, high = np.percentile([each.evaluation for each in history], [LOW, 50, HIGH])
    row = {
        "startup_seconds": ended - job["spawned"] - (history[-1].seconds - before),
        "evaluation_seconds": median,
        "evaluation_low": low,
        "evaluation_high": high,
        "evaluations": len(history),
        "iterations": history[-1].iteration,
        "seconds": history[-1].seconds - before,
        "host_bytes": peak_bytes(),
        "device_bytes": network.net.device.peak_bytes,
        "first_loss": history[0].loss,
        "final_loss": [each.loss for each in history if each.accepted][-1],
        "curve": [[each.seconds - before, each.loss] for each in history if each.accepted],
    }
    noted = {**result.parameters, **job["names"]}
    if job["weights"] == job.get("random_weights"):
        noted["weights_file"] = None  # drawn from the seed; the file is gone when all rows are done
    images.write_image(job["picture"], result.image, noted)
    if Path(job["reference"]).is_file():
        row.update(_deviations(_probe(job, network), np.load(job["reference"])))
    return row


def make_reference(job: Job, tell: Tell) -> Dict[str, Any]:
    """Check the size, save random filters, which all rows share, and compute the reference in float64."""
    from .float64 import float64_network

    network = _open(job, "cpu", 0)
    content = images.read_image(job["content"])
    network.resize(*images.fitted_size(content.shape[:2], job["size"]))
    if network.model.random and job["weights"] is None:
        network.net.save(job["random_weights"])
    row = {"random": network.model.random}
    try:
        np.savez(job["reference"], **_probe(job, float64_network(network)))
    except CaffeStyleError as error:
        row["without"] = str(error)
    return row


def peak_bytes() -> Optional[int]:
    """Return the peak memory of this process, or None if the system does not say."""
    try:
        # getrusage would include the memory of the parent process before exec.
        fields = dict(
            line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
        )
        return int(fields["VmHWM"].split()[0]) * 1024
    except (OSError, KeyError):
        pass
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _open(job: Job, backend: str, device: int) -> Network:
    if job["threads"]:
        set_threads(job["threads"])
    options = dict(get_preset(job["implementation"]).network) if job["implementation"] else {}
    if job["pooling"]:
        options["pooling"] = job["pooling"]
    return open_network(
        job["model"],
        backend,
        device=device,
        weights_file=job["weights"],
        seed=job["seed"],
        **options,
    )


def _settings(job: Job, network: Network, size: int, iterations: int) -> Dict[str, Any]:
    """Return the arguments of `transfer`. All implementations have the same size and iterations."""
    own: Dict[str, Any] = {}
    if job["implementation"]:
        own = get_preset(job["implementation"]).settings(network.model)
    return {**own, "size": size, "iterations": iterations, "seed": job["seed"]}


def _probe(job: Job, network: Network) -> Dict[str, np.ndarray]:
    """Compute loss and gradient of the objective for each of `PROBES`."""
    size = min(CHECK_SIZE, job["size"])
    settings = _settings(job, network, size, 1)
    result = transfer(job["content"], job["style"], network, **settings)
    shape = result.image.shape[:2]
    pictures = [images.resize(images.read_image(job[kind]), shape) for kind in ("content", "style")]
    found = {}
    for probe in PROBES:
        picture = start_picture(probe, *pictures, shape, job["seed"])
        loss, gradient, _ = result.objective(network.to_blob(picture))
        found["loss " + probe], found["gradient " + probe] = np.float64(loss), gradient.copy()
    return found


def _deviations(found: Dict[str, np.ndarray], exact: Dict[str, np.ndarray]) -> Dict[str, float]:
    """Return the largest |L - L64| / L64 and the largest ||g - g64|| / ||g64|| of the probes."""

    def largest(kind: str) -> float:
        return max(
            float(np.linalg.norm(found[name] - exact[name]) / np.linalg.norm(exact[name]))
            for name in (kind + " " + probe for probe in PROBES)
        )

    return {"loss_deviation": largest("loss"), "gradient_deviation": largest("gradient")}


def main(arguments: List[str]) -> None:
    """Run the job. Libraries' output goes to standard error, since standard output is for the messages."""
    job = json.loads(arguments[0])
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def tell(message: Dict[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    work = make_reference if job["task"] == "reference" else measure
    try:
        tell({"row": work(job, tell)})
    except CaffeStyleError as error:
        tell({"error": str(error)})
    except MemoryError:
        tell({"error": "out of memory: choose a smaller size"})
