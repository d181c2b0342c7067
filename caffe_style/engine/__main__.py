"""`python -m caffe_style.engine SCRIPT ARGS...` runs a pycaffe script on a machine without Caffe."""

import os
import runpy
import sys

from .shim import install_as_caffe


def main() -> int:
    """Run the script as Python itself would, with `import caffe` meaning the engine."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(__doc__)
        return 0 if len(sys.argv) > 1 else 2
    script = sys.argv[1]
    if not os.path.isfile(script):
        print("caffe_style.engine: %s: no such file" % script, file=sys.stderr)
        return 2
    install_as_caffe()
    sys.argv = sys.argv[1:]
    sys.path[0] = os.path.dirname(os.path.abspath(script))
    runpy.run_path(script, run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main())
