"""Runs pycaffe scripts, and Caffe's own commands, on a machine without Caffe.

python -m caffe_style.engine SCRIPT ARGS...     a script whose `import caffe` means the engine
python -m caffe_style.engine -m MODULE ARGS...  the same for a module, as python -m
python -m caffe_style.engine time -model NET.prototxt [-iterations 50] [-gpu 0]
python -m caffe_style.engine test -model NET.prototxt -weights NET.caffemodel [-iterations 50] [-gpu 0]
python -m caffe_style.engine train -solver SOLVER.prototxt [-snapshot STATE] [-weights NET.caffemodel] [-gpu 0]
python -m caffe_style.engine device_query
"""

import os
import runpy
import sys

from ..errors import CaffeStyleError
from .shim import install_as_caffe

COMMANDS = ("time", "test", "train", "device_query")


def main() -> int:
    """Run what the command line names, as Python or `caffe` would.

    Returns
    -------
    int
        Exit status: 0 done, 2 something the user can mend; a script's own where it exits itself.
    """
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0 if len(sys.argv) > 1 else 2
    if sys.argv[1] in COMMANDS:
        from .commands import run

        try:
            return run(sys.argv[1:])
        except CaffeStyleError as error:
            return _fail(error)
    if sys.argv[1] == "-m":
        return _run_module()
    return _run_script(sys.argv[1])


def _fail(message: object) -> int:
    print("caffe_style.engine: %s" % message, file=sys.stderr)
    return 2


def _run_module() -> int:
    if len(sys.argv) < 3:
        return _fail("-m needs the name of a module")
    name = sys.argv[2]
    install_as_caffe()
    sys.argv = sys.argv[2:]
    runpy.run_module(name, run_name="__main__", alter_sys=True)
    return 0


def _run_script(script: str) -> int:
    if not os.path.isfile(script):
        return _fail("%s: no such file" % script)
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    install_as_caffe()
    sys.argv = sys.argv[1:]
    runpy.run_path(script, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
