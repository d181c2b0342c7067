"""An image in the making: a root, and what each instruction of a Dockerfile does to it."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence

from dockerfile import DockerfileError, Ignored, Instruction, substitute

CONTEXT = Path(__file__).resolve().parent.parent
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
