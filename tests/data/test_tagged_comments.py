"""Comment lines of tagged files are no words, and a `#` that is a word stays one."""

import pytest

from ptune.data.readers import Reading, read_file
from ptune.errors import DataError


def sentences(path, text: str) -> list[list[tuple[str, str]]]:
    path.write_text(text, encoding="utf-8")
    table = read_file(path, reading=Reading(tagged=True))
    return [list(zip(row["words"], row["tags"], strict=True)) for row in table]


RED = [("red", "B-x"), ("car", "O")]


@pytest.mark.parametrize(
    "comment",
    [
        "# sent_id = 1",
        "# text = red car of blood type O",
        "# id 7\tdomain=en",
        "# newdoc",
        "# ",
        "## a comment",
        "-DOCSTART- -X- O",
        "#begin document (bc/cctv); part 000",
    ],
)
@pytest.mark.parametrize("separator", [" ", "\t"])
def test_a_comment_is_no_word(tmp_path, comment, separator):
    lines = [
        comment,
        f"red{separator}B-x",
        f"car{separator}O",
        "",
        comment,
        comment,
        f"red{separator}B-x",
        "car\tO",
        "",
    ]
    assert sentences(tmp_path / "a.conll", "\n".join(lines)) == [RED, RED]
    assert sentences(tmp_path / "b.conll", "\r\n".join(lines)) == [RED, RED]


@pytest.mark.parametrize("separator", [" ", "\t"])
def test_the_word_of_a_hash_stays_wherever_it_stands(tmp_path, separator):
    lines = [f"#{separator}O", f"red{separator}B-x", f"#{separator}O", f"#tag{separator}O"]
    words = [("#", "O"), ("red", "B-x"), ("#", "O"), ("#tag", "O")]
    assert sentences(tmp_path / "a.conll", "\n".join(lines)) == [words]


def test_a_hash_among_several_columns_stays(tmp_path):
    text = "# # B-NP O\nin IN B-PP O\nEU NNP B-NP B-ORG\n\n# id 3 of 4\nEU NNP B-NP B-ORG\n"
    expected = [[("#", "O"), ("in", "O"), ("EU", "B-ORG")], [("EU", "B-ORG")]]
    assert sentences(tmp_path / "a.conll", text) == expected


def test_conllu_is_refused_because_its_first_column_is_an_index(tmp_path):
    row = "1\tThey\tthey\tPRON\tPRP\tCase=Nom\t2\tnsubj\t_\t_"
    with pytest.raises(DataError, match="line 2: is CoNLL-U, whose first column is an index"):
        sentences(tmp_path / "a.conll", f"# text = They\n{row}\n")
