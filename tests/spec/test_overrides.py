from ptune.spec.overrides import found, noted


def test_overrides_are_read_back_from_the_text_that_notes_them():
    overrides = ["backbone.id=packaged:minilm", 'space.baseline=[{method="v2"}]']
    assert found('name = "x"  # --set by hand\n' + noted(overrides)) == overrides
    assert found('name = "x"\n' + noted([])) == []
