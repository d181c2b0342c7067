"""The command line: `python -m caffe_style`, and what the program `caffe-style` begins with."""

import os
import sys


def main() -> int:
    """Run the command line; an interruption counts from here on, before anything else is loaded."""
    try:
        from .system import interrupts

        with interrupts.handled(to_the_end=True):
            from .cli import main as run

            status = run()
    except KeyboardInterrupt:
        # So early that nothing was begun.
        status = 130
        try:
            os.write(2, b"caffe-style: interrupted\n")
        except OSError:
            pass  # nobody hears
    # An interruption that passed through code made of text, as named tuples are, and was caught later counts as
    # not caught: Python would end by the signal, not with our status. This makes it forget.
    exec("")
    return status


if __name__ == "__main__":
    sys.exit(main())
