import pytest

from ptune.spec.overrides import found, noted, value_of


def test_overrides_are_read_back_from_the_text_that_notes_them():
    overrides = ["backbone.id=packaged:minilm", 'space.baseline=[{method="v2"}]']
    assert found('name = "x"  # --set by hand\n' + noted(overrides)) == overrides
    assert found('name = "x"\n' + noted([])) == []


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ('name=x\n[tracking]\nuri="http://elsewhere"', 'x\n[tracking]\nuri="http://elsewhere"'),
        ("seed=1\nname='other'", "1\nname='other'"),
        ('text=["a",\n "b"]', ["a", "b"]),
        ("text='a\x1b[2Jb\x85c\u2028d\u202ee'", "'a\x1b[2Jb\x85c\u2028d\u202ee'"),
    ],
)
def test_an_override_is_noted_on_one_line_whatever_it_holds(override, value):
    text = noted([override])
    assert text.startswith("# --set ")
    assert text.removesuffix("\n").isprintable()
    (again,) = found(text)
    assert value_of(again.partition("=")[2]) == value
