"""Files of jobs as nobody should write them, as YAML and as CSV."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Iterator

from caffe_style.cli.batch.jobs import read_jobs

SEEDS = (
    b"""defaults: &base {size: 64, style_layers: {conv1_1: 0.5, conv2_1: 1}}
jobs:
  - {content: [a.png, b.png], style: [c.png, d.png], output: "out/{content}-{style}.png"}
  - {<<: *base, command: texture, style: c.png, bounds: true, output: "{number:03}.png"}
  - {content: a.png, styles: ["c.png:2", "d.png:m.png"], mean: [1, 2, 3], seed: 0x10}
""",
    b"content,style,size,bounds,output\na.png,b.png,64,true,x.png\nb.png,c.png,,,y.png\n",
)
VALUES = (
    b"2021-99-99",
    b"2021-01-01 25:61:00",
    b"0x" + b"f" * 4000,
    b"9" * 5000,
    b"1:" * 900 + b"1",
    b".nan",
    b"-.inf",
    b"1e999",
    b"0b",
    b"~",
    b"!!binary aGk=",
    b"!!set {a, b}",
    b"!!python/object/apply:os.getcwd []",
    b"!!int x",
    b"!!float x",
    b"!!timestamp x",
    b"{a: {b: [c]}}",
    b"? [1, 2]\n: 3",
    b"<<",
    b"=",
    b"&a [*a]",
    b"*base",
    b"*nothing",
    b'"\\ud800.png"',
    b'"\\0"',
    b'"\\x1b[2J"',
    b'"a\\nb"',
    b"-q",
    b"--output=x",
    b"",
    b"x" * 300 + b".png",
    b"x" * 200_000,
    b'"' + b"y" * 140_000 + b'"',
    b"'{number:>2000000000}'",
    b"'{content.__class__}'",
    b"'{style!r:>{number}}'",
    b"'{0}{}'",
    b"'{'",
    b"/",
    b"..",
    "\u2028\u202e\u00e9".encode(),
)


def _bomb(random: random.Random) -> bytes:
    """Aliases of aliases, or merges of merges."""
    width, depth = random.randrange(2, 12), random.randrange(2, 12)
    merges = random.random() < 0.5
    first = "{k%d: 1}" if merges else "[a%d]"
    lines = ["x0: &x0 " + first % 0]
    for level in range(1, depth):
        several = ", ".join(["*x%d" % (level - 1)] * width)
        lines.append(
            ("x%d: &x%d {<<: [%s]}" if merges else "x%d: &x%d [%s]") % (level, level, several)
        )
    return ("\n".join(lines) + "\njobs: [{content: *x%d, style: b}]\n" % (depth - 1)).encode()


def _mutated(random: random.Random) -> bytes:
    text = bytearray(random.choice(SEEDS))
    for _ in range(random.choice((1, 1, 2, 4))):
        at = random.randrange(len(text) + 1)
        kind = random.randrange(6)
        if kind == 0:
            del text[at:]
        elif kind == 1:
            text[at : at + 1] = bytes([random.randrange(256)])
        elif kind == 2:
            text[at:at] = random.choice((b"[", b"{", b"- ", b'"', b",", b"\0")) * random.choice(
                (1, 9, 3000)
            )
        elif kind == 3:
            del text[at : at + random.choice((1, 4, 30))]
        else:
            # In a value's place.
            ends = [place for place in range(len(text)) if text[place] in b",}]\n"]
            begins = [place + 1 for place in range(len(text)) if text[place] in b":,[\n"]
            begin = random.choice(begins or [0])
            end = min((place for place in ends if place >= begin), default=len(text))
            text[begin:end] = b" " + random.choice(VALUES)
    return bytes(text)


def cases(random: random.Random) -> Iterator[bytes]:
    """Yield files without end."""
    while True:
        yield _bomb(random) if random.random() < 0.05 else _mutated(random)


def read(path: Path) -> None:
    """Read one: as YAML if it may have a list of jobs, else as CSV.

    Raises
    ------
    CaffeStyleError
    """
    content = Path(path).read_bytes()
    file = Path(path).with_suffix(".yaml" if b"jobs" in content else ".csv")
    file.write_bytes(content)
    read_jobs(file)
