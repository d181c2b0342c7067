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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence

from dockerfile import (
    DockerfileError,
    Ignored,
    Instruction,
    Stage,
    read_dockerfile,
    substitute,
)
from host import lend_settings, mirror

CONTEXT = Path(__file__).resolve().parent.parent
#: Set in the process that has mounts of its own.
INSIDE = "RUN_IN_ROOT"
SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Image:
    """A root and what an image says beside its files."""

    root: Path
    lent: Dict[str, str]
    env: Dict[str, str] = field(default_factory=lambda: {"PATH": SYSTEM_PATH})
    user: str = "root"
    workdir: str = "/"
    entrypoint: List[str] = field(default_factory=list)
    command: List[str] = field(default_factory=list)

    def run(self, words: Sequence[str], user: Optional[str] = None) -> int:
        """Run a command in the root as the image's user; return its exit status."""
        user = user or self.user
        env = dict(self.lent, HOME=self._home(user), **self.env)
        variables = ["%s=%s" % each for each in env.items()]
        inside = ["env", "-i", "-C", self.workdir, *variables, *words]
        return subprocess.call(["chroot", "--userspec=" + user, str(self.root), *inside])

    def _home(self, user: str) -> str:
        for line in (self.root / "etc/passwd").read_text().splitlines():
            entry = line.split(":")
            if user in (entry[0], entry[2]):
                return entry[5]
        raise DockerfileError("there is no user %s in the image" % user)

    def path(self, inside: str) -> Path:
        """Where a path of the image is outside of it."""
        return self.root / os.path.join(self.workdir, inside).lstrip("/")


# -- instructions -----------------------------------------------------------------------------------


def run(image: Image, step: Instruction, stages: Dict[str, Image]) -> None:
    """RUN, in the shell's form or as an array."""
    words = step.words() if step.value.startswith("[") else ["/bin/sh", "-c", step.value]
    status = image.run(words)
    if status:
        raise DockerfileError("line %d: the step ended with status %d" % (step.line, status))


def copy(image: Image, step: Instruction, stages: Dict[str, Image]) -> None:
    """COPY from the context, or from an earlier stage."""
    flags, (*sources, target) = step.flags()
    if set(flags) - {"from"}:
        raise DockerfileError("line %d: cannot follow COPY with %s" % (step.line, flags))
    if flags:
        if flags["from"] not in stages:
            raise DockerfileError("line %d: no stage %s before this" % (step.line, flags["from"]))
        source_root, ignored = stages[flags["from"]].root, Ignored("")
    else:
        rules = CONTEXT / ".dockerignore"
        source_root, ignored = CONTEXT, Ignored(rules.read_text() if rules.is_file() else "")
    into = image.path(target)
    for source in sources:
        place = source_root / source.lstrip("/")
        if not place.exists() or (not place.is_dir() and place.relative_to(source_root) in ignored):
            raise DockerfileError("line %d: there is no %s to copy" % (step.line, source))
        if place.is_dir():
            _copy_below(place, into, source_root, ignored)
        else:
            is_folder = target.endswith("/") or len(sources) > 1
            _copy_file(place, into / place.name if is_folder else into)


def _copy_below(folder: Path, into: Path, source_root: Path, ignored: Ignored) -> None:
    """Copy what is in a folder, and follow no link."""
    into.mkdir(parents=True, exist_ok=True)
    for path, folders, files in os.walk(folder):
        here = Path(path)
        links = [name for name in folders if (here / name).is_symlink()]
        for name in folders + files:
            source = here / name
            if source.relative_to(source_root) in ignored:
                continue
            target = into / source.relative_to(folder)
            if name in files or name in links:
                _copy_file(source, target)
            else:
                target.mkdir(parents=True, exist_ok=True)


def _copy_file(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)


def env(image: Image, step: Instruction, stages: Dict[str, Image]) -> None:
    """ENV NAME=VALUE ..., in which variables stand for what they were before it."""
    before = dict(image.env)
    for word in step.words():
        name, _, value = word.partition("=")
        image.env[name] = substitute(value, before)


def user(image: Image, step: Instruction, stages: Dict[str, Image]) -> None:
    """USER."""
    image.user = step.value


def workdir(image: Image, step: Instruction, stages: Dict[str, Image]) -> None:
    """WORKDIR, made where it is missing."""
    image.workdir = os.path.join(image.workdir, substitute(step.value, image.env))
    image.path("").mkdir(parents=True, exist_ok=True)


def entrypoint(image: Image, step: Instruction, stages: Dict[str, Image]) -> None:
    """ENTRYPOINT, which takes the arguments."""
    image.entrypoint = step.words()


def command(image: Image, step: Instruction, stages: Dict[str, Image]) -> None:
    """CMD: the arguments where none are given."""
    image.command = step.words()


def volume(image: Image, step: Instruction, stages: Dict[str, Image]) -> None:
    """VOLUME asks for nothing: a folder stays a folder."""


STEPS: Dict[str, Callable[[Image, Instruction, Dict[str, Image]], None]] = {
    "RUN": run,
    "COPY": copy,
    "ENV": env,
    "USER": user,
    "WORKDIR": workdir,
    "VOLUME": volume,
    "ENTRYPOINT": entrypoint,
    "CMD": command,
}


# -- stages -----------------------------------------------------------------------------------------


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
            image = Image(root, base.lent, dict(base.env), base.user, base.workdir)
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


def _bind(image: Image, volume: str) -> None:
    """Show a folder of the host in the image: HOST:INSIDE or HOST:INSIDE:ro."""
    source, inside, *mode = volume.split(":")
    target = image.path(inside)
    target.mkdir(parents=True, exist_ok=True)
    subprocess.check_call(["mount", "--bind", source, str(target)])
    if mode == ["ro"]:
        subprocess.check_call(["mount", "-o", "remount,bind,ro", str(target)])


def _say(what: str) -> None:
    print("==> %s %s" % (time.strftime("%H:%M:%S"), what), flush=True)


# -- command line -----------------------------------------------------------------------------------


def make_parser() -> argparse.ArgumentParser:
    """The options, named as those of `docker run`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dockerfile", type=Path)
    parser.add_argument("arguments", nargs="*", help="for the entry point (after --)")
    parser.add_argument("--entrypoint", help="run this program instead")
    parser.add_argument("--user", help="as this user instead")
    parser.add_argument(
        "--volume", action="append", default=[], metavar="HOST:INSIDE[:ro]", help="show a folder"
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
    except (DockerfileError, OSError) as error:
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
    image = build(stages, Path(os.environ[INSIDE]))
    for volume in args.volume:
        _bind(image, volume)
    if args.entrypoint:
        words = [args.entrypoint, *args.arguments]
    else:
        words = image.entrypoint + (args.arguments or image.command)
    _say(" ".join(words))
    return image.run(words, args.user)


if __name__ == "__main__":
    sys.exit(main())
