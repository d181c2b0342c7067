"""The entry point of `python -m caffe_style` and of the program `caffe-style`."""

import os
import sys


def main() -> int:
    """Run the command line, with signals handled before anything else is loaded."""
    try:
        from .system import interrupts

        with interrupts.handled(to_the_end=True):
            from .cli import main as run

            status = run()
    except KeyboardInterrupt:
        # Interrupted before anything was begun.
        status = 130
        try:
            os.write(2, b"caffe-style: interrupted\n")
        except OSError:
            pass  # standard error is closed
    # Python takes an interruption for uncaught if it passed through code compiled from text, such as a named
    # tuple's, even if it was caught later. It would then end by the signal, not with our status. Running more
    # code from text resets this.
    exec("")
    return status


if __name__ == "__main__":
    sys.exit(main())
