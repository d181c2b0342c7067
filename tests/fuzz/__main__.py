"""`python -m tests.fuzz [CASES [SEED]]`: the long run, in an address space of 4 GiB."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
import warnings
from pathlib import Path

from . import check, readers


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    warnings.simplefilter("ignore")
    modules = readers()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    for number, reader in enumerate(modules):
        share = count * (number + 1) // len(modules) - count * number // len(modules)
        began = time.monotonic()
        found = check(reader, folder / "case", share, seed)
        name = reader.__name__.rpartition(".")[2]
        print("%-14s %6d cases %6.1f s  %s" % (name, share, time.monotonic() - began, dict(found)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print("peak %d MB" % (peak // 1000))


main()
