"""Those who look on as a picture is made: the page and the animation."""

from __future__ import annotations

import argparse
import contextlib
import sys
from typing import Any, Callable, Dict, Optional


def add_watching_options(group: Any) -> None:
    """--preview and --animate."""
    group.add_argument(
        "--preview",
        type=int,
        metavar="PORT",
        help="show the picture as it grows on a page of this machine, with pause and stop (0: any port)",
    )
    group.add_argument(
        "--animate",
        metavar="FILE",
        help="an animation of the run: .gif, .webp, or .mp4 (needs ffmpeg)",
    )


class Watchers(contextlib.ExitStack):
    """The callback of a run: does what the command has to do at each step, and tells those who look on.

    Parameters
    ----------
    args : Namespace

    Raises
    ------
    OptionError
        Before any work is done, for a port or a file that will not do.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        super().__init__()
        self._quiet = args.quiet
        self.step: Callable[[Any, Any], Any] = lambda record, image: None
        self.step_wants_image: Callable[[Any], bool] = lambda record: True
        self.animation: Optional[Any] = None
        self.preview: Optional[Any] = None
        if args.animate:
            from ..watch.animation import Animation

            self.animation = self.enter_context(Animation(args.animate))
        if args.preview is not None:
            from ..watch.preview import Preview

            self.preview = self.enter_context(Preview(args.preview))
            if not args.quiet or args.preview == 0:
                print("caffe-style: preview on %s" % self.preview.url, file=sys.stderr)

    def begin(self, parameters: Dict[str, Any]) -> None:
        """Tell the parameters."""
        if self.preview is not None:
            self.preview.begin(parameters)

    def wants_image(self, record: Any) -> bool:
        """Whether anybody looks at this step's picture."""
        looks = self.animation is not None or self.preview is not None
        return looks or self.step_wants_image(record)

    def __call__(self, record: Any, image: Any) -> None:
        """Tell a step."""
        self.step(record, image)
        if self.animation is not None:
            self.animation(record, image)
        # The last, since it may wait, or end the run.
        if self.preview is not None:
            self.preview(record, image)

    def end(self, status: str, message: str) -> None:
        """Tell how it ended."""
        if self.animation is not None:
            self.animation.write(self._encoding)
        if self.preview is not None:
            self.preview.end(status, message)

    def _encoding(self, frames: Any) -> Any:
        from tqdm import tqdm

        return tqdm(frames, "animation", disable=self._quiet, unit="frame", file=sys.stderr)
