"""Coarse to fine against one scale: the loss reached, over time.

    python -m benchmarks.scales CONTENT STYLE --model squeezenet --size 1024 --iterations 100 --init noise

Both minimise the same objective at the same final size. The table gives the run from coarse to fine, and what
one scale has reached by then, and when it gets there, if it does within three times the iterations.
"""

from __future__ import annotations

import argparse
from typing import Any, List, Tuple

import caffe_style as cs


def curve(result: Any) -> List[Tuple[float, float]]:
    """Seconds and loss of each accepted evaluation."""
    return [(record.seconds, record.loss) for record in result.history if record.accepted]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("content")
    parser.add_argument("style")
    parser.add_argument("--model", default="vgg19-random")
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--init", default="content")
    args = parser.parse_args()
    network = cs.open_network(args.model)
    pictures = args.content, args.style, network
    settings = {"size": args.size, "init": args.init}
    fine = curve(cs.transfer(*pictures, scales="auto", iterations=args.iterations, **settings))
    one = curve(cs.transfer(*pictures, scales=1, iterations=3 * args.iterations, **settings))
    seconds, loss = fine[-1]
    by_then = min(value for when, value in one if when <= seconds)
    reached = [when for when, value in one if value <= loss]
    print("coarse to fine: loss %.4g after %.1f s" % (loss, seconds))
    print("one scale:      loss %.4g by then" % by_then)
    when = "%.1f s" % reached[0] if reached else "never, in %.1f s" % one[-1][0]
    print("one scale reaches %.4g: %s" % (loss, when))


if __name__ == "__main__":
    main()
