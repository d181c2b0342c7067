"""The command line: a picture comes out, and wrong input ends in one line and status 2."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.program import call, run
from PIL import Image

from caffe_style.pictures import images

SMALL = ["--model", "strokenet", "--size", "48", "--iterations", "3", "--quiet"]


def picture(path: Path, height: int = 60, width: int = 80, seed: int = 0) -> str:
    images.write_image(path, images.coloured_noise(height, width, 1.0, seed))
    return str(path)


@pytest.fixture
def pair(tmp_path):
    return picture(tmp_path / "content.png"), picture(tmp_path / "style.png", 70, 50, seed=1)


def check_refused(result: subprocess.CompletedProcess, *words: str) -> None:
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    for word in words:
        assert word in lines[0]


def test_transfer_writes_a_picture_with_its_parameters(pair, tmp_path):
    result = run(tmp_path, "transfer", *pair, "-o", "out.png", *SMALL, "--seed", "3")
    assert result.returncode == 0, result.stderr
    assert result.stdout == "" and result.stderr == ""
    out = images.read_image(tmp_path / "out.png")
    assert out.shape == (36, 48, 3)
    noted = images.read_metadata(tmp_path / "out.png")
    assert noted["seed"] == 3 and noted["model"] == "strokenet" and noted["size"] == 48
    assert noted["content"] == pair[0]


def test_same_seed_same_picture_bit_for_bit(pair, tmp_path):
    for name, make in (("a.png", call), ("b.png", run)):
        options = ["-o", name, *SMALL, "--init", "noise", "--threads", "1"]
        assert make(tmp_path, "transfer", *pair, *options).returncode == 0
    pixels = [images.read_image(tmp_path / name) for name in ("a.png", "b.png")]
    assert np.array_equal(*pixels)


def test_frames_and_curves(pair, tmp_path):
    options = ["-o", "out.png", *SMALL, "--save-every", "2", "--curve", "loss.csv"]
    assert call(tmp_path, "transfer", *pair, *options).returncode == 0
    assert (tmp_path / "out-0002.png").is_file()
    with open(tmp_path / "loss.csv") as file:
        rows = list(csv.DictReader(file))
    accepted = [float(row["loss"]) for row in rows if row["accepted"] == "1"]
    assert len(accepted) == 4 and accepted == sorted(accepted, reverse=True)
    assert any(name.startswith("style conv1_1") for name in rows[0])


def test_texture_and_reconstruct_start_from_noise(pair, tmp_path):
    assert call(tmp_path, "texture", pair[1], "-o", "t.png", *SMALL).returncode == 0
    assert call(tmp_path, "reconstruct", pair[0], "-o", "r.png", *SMALL).returncode == 0
    assert images.read_metadata(tmp_path / "t.png")["init"] == "noise"
    assert images.read_image(tmp_path / "r.png").shape == (36, 48, 3)


def test_without_weights_the_fallback_is_told(pair, tmp_path, monkeypatch):
    monkeypatch.setenv("CAFFE_STYLE_HOME", str(tmp_path / "home"))
    options = ["-o", "out.png", "--size", "32", "--iterations", "1", "--quiet"]
    result = call(tmp_path, "transfer", *pair, *options)
    assert result.returncode == 0
    assert "models fetch vgg19" in result.stderr and "continuing with strokenet" in result.stderr
    result = call(tmp_path, "transfer", *pair, *options, "--model", "vgg19")
    check_refused(result, "models fetch vgg19")


def broken(tmp_path: Path) -> dict:
    """Pictures that are none, by the word that the error must contain."""
    whole = Path(picture(tmp_path / "whole.png", 200, 200))
    (tmp_path / "text.png").write_text("not a picture at all")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:5000])
    Image.new("RGB", (1, 1)).save(str(tmp_path / "tiny.png"))
    return {
        "missing.png": "no such file",
        "text.png": "not a picture",
        "empty.png": "empty",
        "cut.png": "complete",
        "tiny.png": "small",
    }


@pytest.mark.parametrize("which", ["missing.png", "text.png", "empty.png", "cut.png", "tiny.png"])
@pytest.mark.parametrize("place", [0, 1])
def test_bad_pictures(pair, tmp_path, which, place):
    words = broken(tmp_path)
    pictures = list(pair)
    pictures[place] = which
    result = call(tmp_path, "transfer", *pictures, "-o", "out.png", *SMALL)
    check_refused(result, which, words[which])
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("mode", ["RGBA", "L", "CMYK", "P", "I;16"])
def test_odd_pictures_are_fine(pair, tmp_path, mode):
    rgb = Image.open(pair[0])
    if mode == "I;16":
        grey = (np.asarray(rgb.convert("L")).astype(np.uint16)) * 257
        odd, name = Image.fromarray(grey), "odd.png"
    else:
        odd, name = rgb.convert(mode), "odd.tif" if mode == "CMYK" else "odd.png"
    odd.save(str(tmp_path / name))
    result = call(tmp_path, "transfer", name, pair[1], "-o", "out.png", *SMALL)
    assert result.returncode == 0, result.stderr


def test_rotated_by_exif(pair, tmp_path):
    image = Image.open(pair[0])
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(str(tmp_path / "rotated.jpg"), exif=exif.tobytes())
    result = call(tmp_path, "transfer", "rotated.jpg", pair[1], "-o", "out.png", *SMALL)
    assert result.returncode == 0, result.stderr
    assert images.read_image(tmp_path / "out.png").shape == (48, 36, 3)


def test_decompression_bomb(pair, tmp_path):
    Image.new("1", (20000, 20000)).save(str(tmp_path / "bomb.png"))
    result = call(tmp_path, "transfer", "bomb.png", pair[1], "-o", "out.png", *SMALL)
    check_refused(result, "bomb.png", "megapixels")


@pytest.mark.parametrize(
    "options, words",
    [
        (["--style-layers", "conv1_7"], ["conv1_7", "conv1_"]),
        (["--content-layers", "conv4_2:x"], None),
        (["--model", "vgg91"], ["vgg91", "did you mean"]),
        (["--backend", "abacus"], ["abacus", "cpu"]),
        (["--weights", "none.caffemodel", "--model", "vgg16"], ["none.caffemodel"]),
        (["--style-loss", "gramm"], ["gramm", "gram"]),
        (["--init", "nowhere.png"], ["nowhere.png"]),
        (["--size", "60000"], ["memory", "--size"]),
        (["--style-weight", "0", "--content-weight", "0"], ["zero"]),
        (["-o", "no/such/folder/out.png"], ["no/such/folder"]),
        (["-o", "out.xyz"], ["out.xyz"]),
        (["--curve", "loss.txt"], ["loss.txt"]),
    ],
)
def test_bad_options(pair, tmp_path, options, words):
    result = call(tmp_path, "transfer", *pair, "-o", "out.png", *SMALL, *options)
    if words is None:  # argparse's own message comes with the usage
        assert result.returncode == 2 and "Traceback" not in result.stderr
    else:
        check_refused(result, *words)
    assert not list(tmp_path.glob("out*"))


def test_read_only_folder(pair, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    result = call(tmp_path, "transfer", *pair, "-o", folder / "out.png", *SMALL)
    check_refused(result, "locked")


def test_malformed_prototxt_says_the_line(pair, tmp_path):
    (tmp_path / "net.prototxt").write_text(
        'layer { name: "data" type: "Input" top: "data" }\nlayer { nonsense: 3 }\n'
    )
    result = run(tmp_path, "transfer", *pair, "-o", "out.png", *SMALL, "--model", "net.prototxt")
    check_refused(result, "net.prototxt:2:", "nonsense")


def test_help_and_doctor(tmp_path):
    assert "transfer" in run(tmp_path, "--help").stdout
    result = call(tmp_path, "doctor")
    assert result.returncode == 0 and "vgg19" in result.stdout


def test_doctor_tries_backends(tmp_path):
    tried = call(tmp_path, "doctor", "--backends", "numpy")
    assert tried.returncode == 0 and "computing          numpy" in tried.stdout
    tried = call(tmp_path, "doctor", "--backends", "numpy,cudnn")
    assert tried.returncode == 2 and "unknown backend 'cudnn'" in tried.stderr


def test_importing_is_cheap():
    code = (
        "import sys, caffe_style, caffe_style.cli; caffe_style.cli.make_parser();"
        "print([m for m in ('numpy', 'scipy', 'google.protobuf', 'matplotlib', 'torch')"
        " if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr
