"""Read Dockerfiles: as much of their language as the ones beside this file use."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import Dict, List, Mapping, Optional, Tuple

#: What `run_in_root` knows to do, or to leave.
INSTRUCTIONS = ("FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "VOLUME", "ENTRYPOINT", "CMD")


class DockerfileError(ValueError):
    """A Dockerfile that cannot be read, or not be followed here."""


@dataclass
class Instruction:
    """One instruction: its first line's number, its name in capitals, the rest as written."""

    line: int
    name: str
    value: str

    def words(self) -> List[str]:
        """The rest as words: a JSON array's, or those of a shell."""
        if self.value.startswith("["):
            return list(json.loads(self.value))
        return shlex.split(self.value)

    def flags(self) -> Tuple[Dict[str, str], List[str]]:
        """The rest as its leading `--flag=value` and the words after them."""
        words = self.words()
        flags = {}
        while words and words[0].startswith("--"):
            flag, _, value = words.pop(0)[2:].partition("=")
            flags[flag] = value
        return flags, words


@dataclass
class Stage:
    """What one FROM begins: the image or stage it starts from, its own name, its instructions."""

    base: str
    name: Optional[str]
    line: int
    instructions: List[Instruction] = field(default_factory=list)


def read_dockerfile(text: str) -> List[Stage]:
    """Read a Dockerfile.

    Raises
    ------
    DockerfileError
        Naming the line.
    """
    stages: List[Stage] = []
    for instruction in _instructions(text):
        if instruction.name not in INSTRUCTIONS:
            raise DockerfileError(
                "line %d: cannot follow the instruction %s" % (instruction.line, instruction.name)
            )
        if instruction.name == "FROM":
            words = instruction.words()
            if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
                raise DockerfileError("line %d: expected FROM IMAGE [AS NAME]" % instruction.line)
            stages.append(Stage(words[0], words[2] if words[2:] else None, instruction.line))
        elif stages:
            stages[-1].instructions.append(instruction)
        else:
            raise DockerfileError("line %d: %s before FROM" % (instruction.line, instruction.name))
    if not stages:
        raise DockerfileError("no FROM")
    return stages


def _instructions(text: str) -> List[Instruction]:
    """Join continued lines; comments and empty lines may stand between them."""
    found: List[Instruction] = []
    pending, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        first = first or number
        pending += line.strip()
        if pending.endswith("\\"):
            pending = pending[:-1]
            continue
        name, _, value = pending.partition(" ")
        found.append(Instruction(first, name.upper(), value.strip()))
        pending, first = "", 0
    if pending:
        raise DockerfileError("line %d: the file ends in the middle of an instruction" % first)
    return found


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Put in variables, `$NAME` or `${NAME}`; unknown ones are empty, as Docker has it."""
    return re.sub(
        r"\$(?:\{(\w+)\}|(\w+))", lambda name: variables.get(name[1] or name[2], ""), text
    )


class Ignored:
    """Which paths of the context a .dockerignore leaves out; the last pattern that fits decides."""

    def __init__(self, text: str) -> None:
        lines = (line.strip() for line in text.splitlines())
        self._patterns = [
            (not line.startswith("!"), re.compile(_expression(line.lstrip("!"))))
            for line in lines
            if line and not line.startswith("#")
        ]

    def __contains__(self, path: object) -> bool:
        ignored = False
        for leaves_out, pattern in self._patterns:
            if pattern.match(str(path)):
                ignored = leaves_out
        return ignored


def _expression(pattern: str) -> str:
    """A pattern as a regular expression, which fits what lies below a folder too."""
    parts = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    words = re.split(r"(\*\*/|\*|\?)", pattern.strip("/"))
    return "".join(parts.get(word, re.escape(word)) for word in words) + "(?:/|$)"
