"""Follow a Dockerfile without Docker: its steps in a debootstrapped root of its base, then a command.

    sudo python3 docker/run_in_root.py docker/cpu/Dockerfile -- --version

What comes after the Dockerfile means what it means to `docker run`. The base must be a Debian, named by its
release. The root is a superset of Docker's image of that release (which leaves out a few packages), at the
state of the archive today.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Dict, List, Optional, Sequence

from dockerfile import DockerfileError, Stage, read_dockerfile
from host import lend_settings, mirror
from image import STEPS, Image

#: Set in the process that has mounts of its own.
INSIDE = "RUN_IN_ROOT"


def release(stage: Stage) -> str:
    """The Debian release that a base's tag names.

    Raises
    ------
    DockerfileError
    """
    found = re.fullmatch(r"debian:([a-z]+)(-\d{8})?(-slim)?", stage.base)
    if not found:
        raise DockerfileError(
            "line %d: only a Debian named by its release can be made here, not %s"
            % (stage.line, stage.base)
        )
    return found[1]


def build(stages: Sequence[Stage], folder: Path) -> Image:
    """Follow all stages, each in a folder of its own; return the last one's image."""
    images: Dict[str, Image] = {}
    for number, stage in enumerate(stages):
        root = folder / str(number)
        if stage.base in images:
            _say("FROM " + stage.base)
            base = images[stage.base]
            subprocess.check_call(["cp", "-a", "--one-file-system", str(base.root), str(root)])
            image = replace(base, root=root, env=dict(base.env))
        else:
            _say("FROM %s, debootstrapped" % stage.base)
            image = Image(root, _debootstrap(release(stage), root))
        _mount(root)
        for step in stage.instructions:
            _say("%s %s" % (step.name, re.sub(r"\s+", " ", step.value)))
            STEPS[step.name](image, step, images)
        images[stage.name or str(number)] = image
    return image


def _debootstrap(suite: str, root: Path) -> Dict[str, str]:
    """Make a root as Docker's image of a release has it; return the environment it is lent."""
    archive, security = mirror("debian"), mirror("debian-security")
    status = subprocess.call(["debootstrap", "--variant=minbase", suite, str(root), archive])
    if status:
        raise DockerfileError("debootstrap of %s ended with status %d" % (suite, status))
    sources = "deb {0} {2} main\ndeb {0} {2}-updates main\ndeb {1} {2}-security main\n"
    (root / "etc/apt/sources.list").write_text(sources.format(archive, security, suite))
    # As in Docker's images: no daemon is started, no write waited for.
    daemons = root / "usr/sbin/policy-rc.d"
    daemons.write_text("#!/bin/sh\nexit 101\n")
    daemons.chmod(0o755)
    (root / "etc/dpkg/dpkg.cfg.d/unsafe-io").write_text("force-unsafe-io\n")
    return lend_settings(root)


def _mount(root: Path) -> None:
    for kind, place in (("proc", "proc"), ("sysfs", "sys"), ("tmpfs", "dev/shm")):
        (root / place).mkdir(exist_ok=True)
        subprocess.check_call(["mount", "-t", kind, kind, str(root / place)])


def _volume(text: str) -> List[str]:
    """Read HOST:INSIDE or HOST:INSIDE:ro."""
    parts = text.split(":")
    if len(parts) not in (2, 3) or parts[1][:1] != "/" or parts[2:] not in ([], ["ro"]):
        raise argparse.ArgumentTypeError("expected HOST:/INSIDE or HOST:/INSIDE:ro, not %s" % text)
    if not Path(parts[0]).is_dir():
        raise argparse.ArgumentTypeError("there is no folder %s" % parts[0])
    return parts


def _bind(image: Image, source: str, inside: str, *mode: str) -> None:
    """Show a folder of the host in the image."""
    target = image.path(inside)
    target.mkdir(parents=True, exist_ok=True)
    subprocess.check_call(["mount", "--bind", source, str(target)])
    if mode:
        subprocess.check_call(["mount", "-o", "remount,bind,ro", str(target)])


def _say(what: str) -> None:
    print("==> %s %s" % (time.strftime("%H:%M:%S"), what), flush=True)


def make_parser() -> argparse.ArgumentParser:
    """The options, named as those of `docker run`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dockerfile", type=Path)
    parser.add_argument("arguments", nargs="*", help="for the entry point (after --)")
    parser.add_argument("--entrypoint", help="run this program instead")
    parser.add_argument("--user", help="as this user instead")
    parser.add_argument(
        "--volume",
        type=_volume,
        action="append",
        default=[],
        metavar="HOST:INSIDE[:ro]",
        help="show a folder",
    )
    return parser


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Build, run the command, leave nothing behind; return the command's exit status."""
    args = make_parser().parse_args(arguments)
    try:
        stages = read_dockerfile(args.dockerfile.read_text())
        release(stages[0])
        if INSIDE in os.environ:
            return _inside(args, stages)
        return _outside(list(sys.argv[1:] if arguments is None else arguments))
    except (DockerfileError, OSError, subprocess.CalledProcessError) as error:
        print("%s: %s" % (args.dockerfile, error), file=sys.stderr)
        return 2


def _outside(arguments: List[str]) -> int:
    """Start the same again where mounts are private: they end with it, however it ends."""
    if os.geteuid() != 0:
        raise DockerfileError("only root can make a root: use sudo")
    for program in ("debootstrap", "unshare", "chroot"):
        if not shutil.which(program):
            raise DockerfileError(
                "no %s here: install it (apt-get install %s)" % (program, program)
            )
    # An exception ends the child and then the folder; the signal's default would leave both.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    private = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    if subprocess.call([*private, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]):
        raise DockerfileError("mounting is forbidden here: in a container it needs --privileged")
    with tempfile.TemporaryDirectory(prefix="root-") as folder:
        os.chmod(folder, 0o755)
        program = [sys.executable, __file__, *arguments]
        return subprocess.call([*private, *program], env=dict(os.environ, **{INSIDE: folder}))


def _inside(args: argparse.Namespace, stages: Sequence[Stage]) -> int:
    os.umask(0o022)
    image = build(stages, Path(os.environ[INSIDE]))
    for volume in args.volume:
        _bind(image, *volume)
    if args.entrypoint:
        words = [args.entrypoint, *args.arguments]
    else:
        words = image.entrypoint + (args.arguments or image.command)
    _say(" ".join(words))
    return image.run(words, args.user)


if __name__ == "__main__":
    sys.exit(main())
