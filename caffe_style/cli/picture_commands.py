"""The commands that make one picture. Each job of `caffe-style batch` is one of these."""

from __future__ import annotations

import argparse
from typing import Any

from . import generated, transfer
from .options import Parser


def add_parsers(commands: Any) -> None:
    """Add transfer, texture, reconstruct, element, sparse and feature."""
    transfer.add_parser(commands)
    generated.add_parser(commands)


def make_parser() -> argparse.ArgumentParser:
    """Return a parser of these commands."""
    parser = Parser(prog="caffe-style")
    add_parsers(parser.add_subparsers(dest="command"))
    return parser
