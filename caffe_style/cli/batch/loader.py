"""Loading YAML for jobs: PyYAML's safe loader, with bounded size and plain values only."""

from __future__ import annotations

from typing import Any, Dict

import yaml
from yaml.composer import ComposerError

from .reading import DEEPEST_NODE, LONGEST_VALUE, MOST_NODES

_TAG = "tag:yaml.org,2002:"


class Loader(yaml.SafeLoader):
    """A YAML loader that refuses deep nesting, and aliases that stand for too many values."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = self._nodes = 0
        #: Number of nodes in each node, by its id.
        self._sizes: Dict[int, int] = {}

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Compose the next node, and count the nodes in it."""
        event = self.peek_event()
        before = self._nodes
        self._nodes += 1
        self._depth += 1
        if self._depth > DEEPEST_NODE:
            raise ComposerError(None, None, "nested too deeply", event.start_mark)
        node = super().compose_node(parent, index)
        if isinstance(event, yaml.AliasEvent):
            if id(node) not in self._sizes:
                raise ComposerError(None, None, "an alias within itself", event.start_mark)
            self._nodes = before + self._sizes[id(node)]
        else:
            self._sizes[id(node)] = self._nodes - before
        if self._nodes > MOST_NODES:
            raise ComposerError(None, None, "too large, with its aliases", event.start_mark)
        self._depth -= 1
        return node

    def construct_scalar(self, node: Any) -> str:
        """Return the text of a value, before it is read as a number."""
        text = super().construct_scalar(node)
        if len(text) > LONGEST_VALUE:
            raise ComposerError(
                None, None, "a value longer than %d characters" % LONGEST_VALUE, node.start_mark
            )
        return text


# Dates remain texts: no option takes a date, but a file's name may look like one.
Loader.add_constructor(_TAG + "timestamp", Loader.construct_yaml_str)
for _name in ("binary", "omap", "pairs", "set"):
    Loader.add_constructor(_TAG + _name, Loader.construct_undefined)
