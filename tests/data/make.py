"""Makes a version's pictures and checkpoint, which later versions must go on reading.

    PYTHONPATH=CHECKOUT_OF_THAT_VERSION python make.py FOLDER

`tests/runs/test_compatibility.py` reads them. They are made once for each version, and never again.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

SMALL = ["--size", "48", "--iterations", "3", "--model", "vgg16-random"]

#: Name of the picture -> the command line that makes it.
PICTURES = {
    "transfer": [
        *["transfer", "content.png", "--style", "waves.png:mask.png:2", "--style", "rings.png"],
        *["--scales", "2", "--style-scale", "1.2", "--colors", "match", "--init", "mix:0.3"],
        *["--content-layers", "conv3_1:0.5", "--style-layers", "conv1_1,conv2_1:0.25"],
        *["--style-weight", "3", "--tv-weight", "0.01", "--seed", "7", "--pooling", "average"],
        *SMALL,
    ],
    "preset": ["transfer", "content.png", "waves.png", "--preset", "johnson", *SMALL],
    "covariation": [
        *["transfer", "content.png", "rings.png", "--style-loss", "covariation"],
        *["--guides", "own", "--guide-count", "3", "--optimizer", "device", *SMALL],
    ],
    "texture": ["texture", "rings.png", "--style-loss", "spatial", "--seed", "3", *SMALL],
    "reconstruct": ["reconstruct", "content.png", "--normalisation", "mean", "--bounds", *SMALL],
    "element": [
        "element",
        "--layer",
        "conv2_1",
        "-i",
        "3",
        "-j",
        "5",
        "--magnitude",
        "9e4",
        *SMALL,
    ],
    "resampled": ["element", "--layer", "conv2_1", "--resample", "2", *SMALL],
    "sparse": ["sparse", "--layers", "conv1_1:2,conv2_1", "--like", "waves.png", *SMALL],
    "feature": ["feature", "--layer", "conv3_1", "--channel", "9", "--decay", "0.5", *SMALL],
}

INTERRUPTED = [
    *["transfer", "content.png", "waves.png", "-o", "resumed.png", "--checkpoint", "run.npz"],
    *["--checkpoint-every", "0", "--size", "32", "--iterations", "12", "--corrections", "2"],
    *["--model", "vgg16-random", "--seed", "5"],
]


def make_sources(folder: Path) -> None:
    """Three pictures of (40, 48, 3), and a mask of the left half."""
    y, x = np.mgrid[:40, :48] / 8.0
    distance = np.hypot(x - 3, y - 2)
    shapes = {
        "content": (np.sin(x) * np.cos(y), np.sin(x + y), x / 6 - 0.5),
        "waves": (np.sin(3 * x + y), np.sin(3 * x + 2), np.cos(2 * y)),
        "rings": (np.sin(5 * distance), np.cos(4 * distance), np.sin(3 * distance)),
    }
    for name, channels in shapes.items():
        picture = np.stack(channels, axis=2) * 100 + 128
        Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(folder / (name + ".png"))
    mask = np.where(x < 3, 255, 0).astype(np.uint8)
    Image.fromarray(mask).save(folder / "mask.png")


def run(folder: Path, *arguments: str) -> str:
    """What a command prints."""
    command = [sys.executable, "-m", "caffe_style", *arguments]
    return subprocess.run(
        command, cwd=str(folder), check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def interrupt(folder: Path) -> None:
    """A run that is stopped after its first checkpoints."""
    process = subprocess.Popen([sys.executable, "-m", "caffe_style", *INTERRUPTED], cwd=str(folder))
    while process.poll() is None and not (folder / "run.npz").exists():
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    if process.wait() != 130:
        raise SystemExit("the run was not interrupted: make it longer")
    (folder / "resumed.png").unlink()


def make(folder: Path) -> None:
    make_sources(folder)
    for name, command in PICTURES.items():
        run(folder, *command, "-q", "-o", name + ".png")
        (folder / (name + ".txt")).write_text(run(folder, "show", name + ".png"))
    interrupt(folder)
    saved = (folder / "run.npz").read_bytes()
    run(folder, "transfer", "--resume", "run.npz", "-q")
    (folder / "run.npz").write_bytes(saved)


if __name__ == "__main__":
    make(Path(sys.argv[1]).resolve())
