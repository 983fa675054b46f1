"""Parts of a dev split."""

from ptune.data.dev_parts import dev_parts
from support.worlds import sentences

DEV = sentences(90, 1)


def test_each_part_holds_the_smaller_ones_in_the_order_of_the_split():
    small, large = dev_parts(DEV, [10, 30], seed=3)
    assert (len(small), len(large)) == (10, 30)
    places = [DEV.texts.index(text) for text in large.texts]
    assert places == sorted(places)
    assert set(small.texts) < set(large.texts)
    assert [DEV.labels[place] for place in places] == large.labels


def test_the_seed_alone_decides_who_is_in_it():
    (one,), (again,), (other,) = (dev_parts(DEV, [30], seed) for seed in (3, 3, 4))
    assert one == again
    assert one.texts != other.texts
