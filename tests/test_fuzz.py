"""Broken files end in one line of the family, whoever reads them; `python -m tests.fuzz` tries many more."""

from __future__ import annotations

import pytest

from tests import fuzz


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("reader", fuzz.readers(), ids=lambda reader: reader.__name__)
def test_broken_files_are_one_line(reader, tmp_path):
    found = fuzz.check(reader, tmp_path / "case", 150, seed=1)
    assert sum(found.values()) == 150 and len(found) > 1, found
