"""`caffe-style statistics IMAGE`: the Gram matrices of a picture in numbers and as a plot."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any, Dict

from ..errors import OptionError
from ..system.files import check_apart, check_writable, write_whole
from . import options, running
from .options import number


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "statistics", help="describe a picture's Gram matrices: histogram, sparsity, amplitude"
    )
    parser.add_argument("image", help="the picture")
    parser.add_argument(
        "-o", "--output", metavar="FILE.json", help="write the numbers to this file"
    )
    parser.add_argument("--plot", metavar="FILE.png", help="draw the histograms (needs matplotlib)")
    add = options.optional(parser)
    add("--size", type=number(int, 16, 65536), metavar="PIXELS", help="long edge (default: 512)")
    add(
        "--layers",
        type=lambda text: text.split(","),
        metavar="LAYER,...",
        help="layers to describe (default: the model's style layers)",
    )
    options.add_network_options(parser)
    options.add_quiet_option(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the numbers and the plot. Without a file the numbers go to standard output."""
    from ..experiments.statistics import statistics
    from .request import open_from

    options.show_messages(quiet=True)
    for path, suffix in ((args.output, ".json"), (args.plot, ".png")):
        if path:
            _check(Path(path), suffix)
    check_apart(filter(None, (args.output, args.plot)), [args.image])
    if args.plot:
        _check_matplotlib(args.plot)
    found = statistics(args.image, open_from(args), **running.given(args, ("size", "layers")))
    text = json.dumps(found, indent=1)
    if args.output:
        write_whole(Path(args.output), lambda path: path.write_text(text + "\n"))
    else:
        print(text)
    if args.plot:
        write_whole(Path(args.plot), lambda path: _plot(path, found))
    return 0


def _check(path: Path, suffix: str) -> None:
    if path.suffix.lower() != suffix:
        raise OptionError("%s: its name must end in %s" % (path, suffix))
    check_writable(path)


def _check_matplotlib(path: str) -> None:
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise OptionError("%s: a plot needs matplotlib: pip install matplotlib" % path) from None


def _plot(path: Path, found: Dict[str, Dict[str, Any]]) -> None:
    """Draw a histogram for each layer on common axes, with zeros in a bar of their own."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(3.2 * len(found), 3.4), tight_layout=True)
    FigureCanvasAgg(figure)
    first = None
    for place, (blob, layer) in enumerate(found.items(), 1):
        axes = first = figure.add_subplot(1, len(found), place, sharex=first, sharey=first)
        counts, edges = (np.array(layer["histogram"][key]) for key in ("counts", "edges"))
        parts, edges = 100 * counts / counts.sum(), edges / edges[-1]
        # The lowest edge is 0, which a logarithmic axis cannot show. Its bar stands apart.
        axes.bar(edges[1] / 10, parts[0], edges[1] / 5, color="tab:orange")
        axes.bar(edges[1:-1], parts[1:], np.diff(edges[1:]), align="edge", color="tab:blue")
        axes.set_xscale("log")
        ticks = edges[1] * 10.0 ** np.arange(0, 7, 2)
        axes.set_xticks([edges[1] / 10, *ticks])
        axes.set_xticklabels(["0", *("%g" % tick for tick in ticks)])
        axes.minorticks_off()
        axes.set_title(
            "%s\n%.0f %% below 0.01, rms %.3g"
            % (blob, 100 * layer["sparsity"], layer["amplitude"]["rms"]),
            fontsize="small",
        )
    figure.axes[len(found) // 2].set_xlabel("entry of the mean Gram matrix, by the largest")
    figure.axes[0].set_ylabel("entries in percent")
    figure.savefig(str(path))
