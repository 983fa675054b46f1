"""What is said of labels that look alike can be taken into a job as it stands."""

import tomllib

import pytest

from ptune.data.lookalikes import doubtful


@pytest.mark.parametrize("mark", ["\\", '"', "\U000e0001", "\u200b", "\x7f", "é"])
def test_a_remedy_is_toml_that_replaces_one_label_by_the_other(mark):
    usual, odd = f"a{mark}b", f"A{mark}B "
    (note,) = doubtful([usual, usual, odd], "a.csv", f"col{mark}umn")
    remedy = note[note.index("replace = ") : note.rindex(" makes one of two")]
    assert tomllib.loads(remedy) == {"replace": {f"col{mark}umn": {odd: usual}}}
    assert remedy.isprintable()
