"""Data files, each read by a job that names it: what is read, and what is refused with which words."""

import gzip
import json
from collections.abc import Iterator

from support.data_files import parquet, zipped
from support.input_cases import Case, Content, toml

PAIRS = [(f"{'good' if number % 2 else 'bad'} thing {number}", "ny"[number % 2]) for number in range(12)]
OBJECTS = [{"text": text, "label": label} for text, label in PAIRS]
CSV = "text,label\n" + "".join(f"{text},{label}\n" for text, label in PAIRS)
TSV, SEMICOLONS = CSV.replace(",", "\t"), CSV.replace(",", ";")
LINES = "\n".join(map(json.dumps, OBJECTS))
LABELS = {"label": ["n", "y"]}
COLUMNS = {"text": [text for text, _ in PAIRS], "label": [label for _, label in PAIRS]}
TAGGED = "".join(f"thing B-x\nred O\nnumber{number} O\n\n" for number in range(4))


READ: dict[str, tuple[str, Content, str, list[str]]] = {
    "csv": ("a.csv", CSV, "", []),
    "csv with a mark": ("a.csv", CSV.encode("utf-8-sig"), "", []),
    "csv of Windows": ("a.csv", CSV.replace("\n", "\r\n"), "", []),
    "csv of old Macs": ("a.csv", CSV.replace("\n", "\r"), "", []),
    "csv in UTF-16": ("a.csv", CSV.encode("utf-16"), "", []),
    "csv in UTF-32": ("a.csv", CSV.encode("utf-32"), "", []),
    "csv with two marks": ("a.csv", ("\ufeff\ufeff" + CSV).encode(), "", []),
    "csv in stated UTF-16 with a mark": ("a.csv", CSV.encode("utf-16"), 'encoding = "utf-16-le"', []),
    "json lines in stated UTF-16 with a mark": (
        "a.jsonl",
        b"\xfe\xff" + LINES.encode("utf-16-be"),
        'encoding = "utf-16-be"',
        [],
    ),
    "csv of Excel that states its delimiter": ("a.csv", "sep=;\n" + SEMICOLONS, "", []),
    "csv that states bars as its delimiter": ("a.csv", "sep=|\r\n" + CSV.replace(",", "|"), "", []),
    "csv whose labels have spaces before quotes": ("a.csv", CSV + 'x, "y"\n', "", ["look alike", "'\"y\"' (1)"]),
    "csv of many columns": ("a.csv", ",".join(["text,label", *map(str, range(5_000))]) + "\na,y\nb,n\n", "", []),
    "csv with its header again, left out": ("a.csv", CSV + CSV, 'on_bad_row = "skip"', ["line 14 is the header again"]),
    "csv in Latin-1": ("a.csv", CSV.replace("thing", "öde").encode("latin-1"), 'encoding = "latin-1"', []),
    "csv in Korean": ("a.csv", CSV.replace("thing", "좋아").encode("cp949"), 'encoding = "cp949"', []),
    "csv with semicolons": ("a.csv", SEMICOLONS, "", ['delimiter = ";"']),
    "csv with stated semicolons": ("a.csv", SEMICOLONS, 'delimiter = ";"', []),
    "csv with tabs": ("a.csv", TSV, "", ['delimiter = "\\t"']),
    "csv with an index": ("a.csv", "".join(f",{line}\n" for line in CSV.splitlines()), "", []),
    "csv with blank lines": ("a.csv", CSV.replace("\n", "\n\n"), "", []),
    "csv with quotes": ("a.csv", "text,label\n" + "".join(f'"{t}, ""so""\n",{n}\n' for t, n in PAIRS), "", []),
    "csv with a long text": ("a.csv", CSV + "w " * 100_000 + ",y\n", "", []),
    "csv with a long name": (
        "a.csv",
        "".join(f"{'x' * 150_000 if not i else ''},{line}\n" for i, line in enumerate(CSV.splitlines())),
        "",
        [],
    ),
    "csv with spaces in its header": ("a.csv", CSV.replace("text,label", " text , label"), "", []),
    "csv in gzip": ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0), "", []),
    "csv in zip": ("a.zip", zipped({"a.csv": CSV}), "", []),
    "tsv": ("a.tsv", TSV, "", []),
    "tsv with bare quotes": ("a.tsv", TSV.replace("good", '"good'), "", []),
    "tsv whose texts are quoted": (
        "a.tsv",
        "text\tlabel\n" + "".join(f'"{t}"\t{n}\n' for t, n in PAIRS),
        "",
        ["some cells look quoted", "name it .csv"],
    ),
    "tsv with commas": ("a.tsv", CSV, "", ['delimiter = ","']),
    "txt with a header": ("a.txt", TSV, "", []),
    "json": ("a.json", json.dumps(OBJECTS), "", []),
    "json with a mark": ("a.json", json.dumps(OBJECTS).encode("utf-8-sig"), "", []),
    "json in UTF-16": ("a.json", json.dumps(OBJECTS).encode("utf-16"), "", []),
    "json lines": ("a.jsonl", LINES, "", []),
    "json lines with blanks": ("a.jsonl", LINES.replace("\n", "\n\n \n"), "", []),
    "json lines named json": ("a.json", LINES, "", []),
    "json columns": ("a.json", json.dumps(COLUMNS), "", ["column by column"]),
    "json columns of pandas": (
        "a.json",
        json.dumps({name: dict(enumerate(column)) for name, column in COLUMNS.items()}),
        "",
        ["column by column"],
    ),
    "json split by pandas": (
        "a.json",
        json.dumps({"columns": ["text", "label"], "index": [*range(12)], "data": PAIRS}),
        "",
        ["read as pandas splits it"],
    ),
    "json rows one behind another": ("a.jsonl", LINES.replace("\n", ""), "", []),
    "json with half a letter that nobody reads": ("a.jsonl", LINES.replace("{", '{"x": "\\ud800", '), "", []),
    "json rows by key": ("a.json", json.dumps(dict(enumerate(OBJECTS))), "", ["each key is a row"]),
    "json inside": (
        "a.json",
        json.dumps({"data": OBJECTS}),
        'explode = "data"\ntext = ["data.text"]\nlabel = "data.label"',
        [],
    ),
    "numbers for labels": ("a.jsonl", LINES.replace('"y"', "1").replace('"n"', "0"), "", []),
    "fractions for labels": ("a.jsonl", LINES.replace('"y"', "1.0").replace('"n"', "0.0"), "", []),
    "truths for labels": ("a.jsonl", LINES.replace('"y"', "true").replace('"n"', "false"), "", []),
    "labels that look alike": ("a.csv", CSV + "a,Y\nb,y \n", "", ["look alike", "'y' ", "'Y' (1)"]),
    "labels with a sign that nobody sees": ("a.csv", CSV + "a,y\u200b\n", "", ["look alike", "u200b"]),
    "labels that are missing": ("a.csv", CSV + "a,NaN\n", "", ["missing", "'NaN' (1)"]),
    "bad rows left out": ("a.csv", CSV + ",y\nb,\nc,d,e\n", 'on_bad_row = "skip"', ["1 of 15 rows", "2 of 14 rows"]),
    "bad lines left out": ("a.jsonl", LINES + '\n{"text"\n7\n', 'on_bad_row = "skip"', ["2 of 14 rows", "not JSON"]),
    "zip of a Mac": ("a.zip", zipped({"a.csv": CSV, "__MACOSX/._a.csv": "x", ".DS_Store": "x"}), "", []),
    "gzip of two parts": ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0) + gzip.compress(b"a,y\n", mtime=0), "", []),
    "parquet of names that a class declares": ("a.parquet", parquet({**COLUMNS}, {"label": ["n", "y"]}), "", []),
    "parquet of whole fractions": ("a.parquet", parquet({**COLUMNS, "label": [0.0, 1.0] * 6}), "", ["0 6, 1 6"]),
    "a part": ("a.csv[:6]", CSV, "", []),
}

REFUSED: dict[str, tuple[str, Content, str, list[str]]] = {
    "an empty csv": ("a.csv", "", "", ["holds no examples"]),
    "a csv of spaces": ("a.csv", " \n\n", "", ["holds no examples"]),
    "only a header": ("a.csv", "text,label\n", "", ["holds no examples"]),
    "no header": ("a.csv", "good thing,y\nbad thing,n\n", "", ["there is no column 'text'"]),
    "another header": ("a.csv", CSV.replace("text,", "txet,"), "", ["did you mean 'txet'"]),
    "a header twice": ("a.csv", CSV.replace("text,", "text,text,"), "", ["twice: 'text'"]),
    "Latin-1": ("a.csv", CSV.replace("thing", "öde").encode("latin-1"), "", ["line 2", "0xf6", 'encoding = "cp1252"']),
    "Russian": ("a.csv", "text,label\nжить и пить,дым\n".encode("koi8-r"), "", ['encoding = "koi8-r"']),
    "Japanese of Unix": ("a.csv", "text,label\nこれはペンです,はい\n".encode("euc-jp"), "", ['encoding = "euc-jp"']),
    "Korean among English": (
        "a.csv",
        "text,label\nan English sentence with 좋아요 in it,some label\n".encode("cp949"),
        "",
        ['encoding = "cp949"'],
    ),
    "one damaged byte": ("a.csv", CSV.encode() + b"\xff,y\n" + "größer,y\n".encode() * 9, "", ["so mend that line"]),
    "UTF-8 stated as ASCII": ("a.csv", CSV + "é,y\n", 'encoding = "ascii"', ["leave encoding out"]),
    "UTF-32 without a mark": ("a.csv", CSV.encode("utf-32-le"), "", ['encoding = "utf-32-le"']),
    "a sign in the header that nobody sees": ("a.csv", "\u200b" + CSV, "", ["did you mean '\\u200btext'"]),
    "a line of comment above the header": ("a.csv", "# made by hand\n" + CSV, "", ["there are: # made by hand)"]),
    "a header again": ("a.csv", CSV + CSV, "", ["row 13: line 14 is the header again"]),
    "very many other columns": ("a.csv", ",".join(map(str, range(3_000))) + "\n" + "a," * 3_000, "", ["2970 more"]),
    "json lines named csv": ("a.csv", LINES, "", ["holds JSON", "name it .jsonl"]),
    "json named tsv": ("a.tsv", json.dumps(OBJECTS), "", ["holds JSON", "name it .jsonl"]),
    "json lines named txt": ("a.txt", LINES, "", ["holds JSON", "name it .jsonl"]),
    "csv named json": ("a.json", CSV, "", ["cannot be loaded", "where 'text,label' stands"]),
    "json of Python": ("a.jsonl", repr(OBJECTS[0]), "", ["double quotes", "where \"'text'"]),
    "json with a comma too many": ("a.json", json.dumps(OBJECTS)[:-1] + ",]", "", ["where ']' stands"]),
    "json lines with commas": ("a.jsonl", LINES.replace("\n", ",\n"), "", ["where ',' stands"]),
    "json columns of other lengths": (
        "a.json",
        json.dumps({"text": ["a", "b", "c"], "label": ["y", "n"]}),
        "",
        ["columns differ in their rows", "'text' 3, 'label' 2"],
    ),
    "json columns of other rows": (
        "a.json",
        '{"text": {"0": "a", "1": "b"}, "label": {"0": "y", "2": "n"}}',
        "",
        ["columns differ in their rows"],
    ),
    "json with its schema": (
        "a.json",
        json.dumps({"schema": {"fields": [{"name": "text"}]}, "data": OBJECTS}),
        "",
        ["explode = 'data'", "text in 'data.text'"],
    ),
    "json of lists alone": ("a.json", json.dumps(PAIRS), "", ["got a list"]),
    "json label without an end": ("a.jsonl", LINES + '\n{"text": "a", "label": 1e400}', "", ["got inf"]),
    "json label with half a letter": ("a.jsonl", LINES + '\n{"text": "a", "label": "\\ud800"}', "", ["not Unicode"]),
    "Korean": ("a.jsonl", '{"text": "좋아요 정말"}'.encode("cp949"), "", ["line 1", 'encoding = "cp949"']),
    "Japanese": ("a.csv", "text,label\nこれはペンです,はい\n".encode("shift-jis"), "", ['encoding = "shift-jis"']),
    "Chinese": ("a.csv", "text,label\n这是一本书,好\n".encode("gb18030"), "", ["not UTF-8", "encoding = "]),
    "UTF-16 without a mark": ("a.csv", CSV.encode("utf-16-le"), "", ['encoding = "utf-16-le"']),
    "UTF-8 stated as UTF-16": ("a.csv", CSV + "x", 'encoding = "utf-16"', ["there is no column 'text'"]),
    "bytes": ("a.csv", bytes(range(128, 256)) * 8, "", ["not UTF-8"]),
    "too many cells": ("a.csv", CSV + "a,b,c,y\n", "", ["row 13", "line 14 has 4 cells"]),
    "a quote never closed": ("a.csv", CSV + '"a,y\n' + CSV, "", ["line 14 is never closed"]),
    "another delimiter stated": ("a.csv", CSV, 'delimiter = ";"', ["there is no column 'text'"]),
    "an empty text": ("a.csv", CSV + ",y\n", "", ["row 13", "the text is empty"]),
    "a missing label": ("a.csv", CSV + "a\n", "", ["row 13", "the label is missing"]),
    "one label": ("a.csv", "text,label\na,y\nb,y\n", "", ["at least two labels"]),
    "nothing but bad rows": ("a.csv", "text,label\n,y\n,n\n", 'on_bad_row = "skip"', ["holds no good row"]),
    "a label that is not stated": ("a.csv", CSV, 'labels = ["y", "N"]', ["'n' is not among", "did you mean 'N'"]),
    "a part that is not there": ("a.csv[60:]", CSV, "", ["holds no examples: the file has 12 rows"]),
    "a part past the end in percent": ("a.csv[100%:]", CSV, "", ["holds no examples"]),
    "a part from behind": ("a.csv[-5:]", CSV, "", ["write a part of a file as"]),
    "a part of one": ("a.csv[5]", CSV, "", ["write a part of a file as"]),
    "a part of many digits": ("a.csv[" + "9" * 5_000 + ":]", CSV, "", ["4095 bytes"]),
    "json that is null": ("a.json", "null", "", ["row 1", "got null"]),
    "json that is a number": ("a.jsonl", LINES + "\n5", "", ["row 13", "got a number: 5"]),
    "json that is a string": ("a.json", '"x"', "", ["got a string"]),
    "json that is empty": ("a.json", "[]", "", ["holds no examples"]),
    "json of lists": ("a.json", "[[1, 2], [3, 4]]", "", ["got a list"]),
    "json without an end": ("a.json", "[" * 100_000, "", ["nested too deep"]),
    "json cut": ("a.jsonl", LINES[:-5], "", ["cannot be loaded", "line 12"]),
    "json of many digits": ("a.jsonl", '{"text": ' + "9" * 5_000 + "}", "", ["digits"]),
    "json with a column twice": ("a.jsonl", '{"text": "a", "text": "b", "label": 1}', "", ["twice"]),
    "json with half a letter": ("a.jsonl", LINES + '\n{"text": "\\ud800", "label": "y"}', "", ["row 13", "Unicode"]),
    "json rows inside": ("a.json", json.dumps({"data": OBJECTS}), "", ["explode = 'data'", "data.text, data.label"]),
    "json of intents": (
        "a.json",
        json.dumps({"intents": [{"tag": "hi", "patterns": ["hello", "hey"]}]}),
        "",
        ["intents.patterns", "explode"],
    ),
    "json of other columns": ("a.json", json.dumps({"x": [1, 2], "y": [3, 4]}), "", ["there is no column"]),
    "json with a list for a text": ("a.jsonl", '{"text": ["a"], "label": 1}', "", ["must be a string"]),
    "json with an object for a label": ("a.jsonl", '{"text": "a", "label": {"b": 1}}', "", ["must be a string"]),
    "json with a fraction": ("a.jsonl", '{"text": "a", "label": 0.5}', "", ["got 0.5 (float)"]),
    "parquet that is none": ("a.parquet", b"PAR1", "", ["cannot be loaded"]),
    "parquet that is a csv": ("a.parquet", CSV, "", ["cannot be loaded"]),
    "a spreadsheet": ("a.xlsx", b"PK\x03\x04", "", ["save it as .csv"]),
    "bzip2": ("a.csv.bz2", b"BZh", "", [".bz2 is not read"]),
    "a tar": ("a.tar", b"x", "", [".tar is not read"]),
    "zstd": ("a.jsonl.zst", b"x", "", [".zst is not read"]),
    "gzip under another name": ("a.csv", gzip.compress(CSV.encode(), mtime=0), "", ["write its name with .gz"]),
    "gzip that is none": ("a.csv.gz", CSV, "", ["cannot be loaded"]),
    "gzip of gzip": (
        "a.csv.gz",
        gzip.compress(gzip.compress(CSV.encode(), mtime=0), mtime=0),
        "",
        ["holds another archive (.gz)"],
    ),
    "gzip of nothing": ("a.csv.gz", gzip.compress(b"", mtime=0), "", ["holds no examples"]),
    "gzip of a tar": ("a.tar.gz", gzip.compress(b"x" * 600, mtime=0), "", ["holds another archive (.tar)"]),
    "a zip of a zip": ("a.zip", zipped({"b.zip": zipped({"a.csv": CSV})}), "", ["holds another archive (.zip)"]),
    "a zip of a gzip": (
        "a.zip",
        zipped({"a.csv.gz": gzip.compress(b"x", mtime=0)}),
        "",
        ["holds another archive (.gz)"],
    ),
    "a zip of an empty csv": ("a.zip", zipped({"a.csv": ""}), "", ["holds no examples"]),
    "a zip damaged": ("a.zip", zipped({"a.csv": CSV}).replace(b"thing 3", b"thong 3"), "", ["Bad CRC"]),
    "parquet of half classes": (
        "a.parquet",
        parquet({**COLUMNS, "label": [0.5] * 12}, LABELS),
        "",
        ["got 0.5 (float)"],
    ),
    "parquet of classes in lists": (
        "a.parquet",
        parquet({**COLUMNS, "label": [[1]] * 12}, LABELS),
        "",
        ["got [1] (list)"],
    ),
    "parquet of a class without a name": (
        "a.parquet",
        parquet({**COLUMNS, "label": [2, 0] * 6}, LABELS),
        "",
        ["coded 2"],
    ),
    "parquet of bytes": ("a.parquet", parquet({**COLUMNS, "text": [b"a"] * 12}), "", ["must be a string"]),
    "parquet of missing numbers": (
        "a.parquet",
        parquet({**COLUMNS, "label": [0.0, 1.0] * 5 + [None, 1.0]}),
        "",
        ["row 11: the label is missing"],
    ),
    "parquet cut": ("a.parquet", parquet(COLUMNS)[:-20], "", ["cannot be loaded"]),
    "gzip cut": ("a.csv.gz", gzip.compress(CSV.encode(), mtime=0)[:-12], "", ["cannot be loaded"]),
    "a zip of two": ("a.zip", zipped({"a.csv": CSV, "b.csv": CSV}), "", ["must hold one file, got 2"]),
    "a zip of nothing": ("a.zip", zipped({}), "", ["must hold one file, got 0"]),
    "a zip of a picture": ("a.zip", zipped({"a.png": "x"}), "", ["the suffix must be one of"]),
    "a zip that is none": ("a.zip", b"PK\x03\x04", "", ["cannot be loaded"]),
    "a picture": ("a.png", b"x", "", ["the suffix must be one of"]),
    "no suffix": ("data", CSV, "", ["suffix"]),
    "html": ("a.csv", "<!DOCTYPE html><html></html>", "", ["there is no column 'text'"]),
    "a pointer of Git LFS": ("a.csv", "version https://git-lfs\noid sha256:1\nsize 5\n", "", ["there is no column"]),
    "more shots than examples": ("a.csv", CSV, "shots = 50", ["shots <= 12 must hold for 24 examples"]),
    "a column to replace that is not there": ("a.csv", CSV, "replace = {txt = {a = 'b'}}", ["did you mean 'text'"]),
    "a list to explode that is not there": ("a.jsonl", LINES, "explode = 'rows'", ["no nested list 'rows'"]),
}

WORDS: dict[str, tuple[Content, int, list[str]]] = {
    "sentences": (TAGGED, 0, []),
    "sentences with comments": ("# sent_id = 1\n" + TAGGED.replace("\n\n", "\n\n# text = red\n"), 0, []),
    "sentences of Windows": (TAGGED.replace("\n", "\r\n"), 0, []),
    "tags of no scheme": (TAGGED.replace("B-x", "NOUN"), 0, ["'NOUN' are of no scheme"]),
    "tags of many letters": (TAGGED.replace("B-x", "U-x"), 0, []),
    "a word without a tag": (TAGGED + "alone\n", 2, ["line 17", "a word and its tag"]),
    "CoNLL-U": ("1\tThey\tthey\tPRON\tPRP\tCase=Nom\t2\tnsubj\t_\t_\n", 2, ["is CoNLL-U"]),
    "indices before words": ("1\tthe\tO\n2\tcat\tB-x\n\n1\tno\tO\n\n", 2, ["counts the words of each sentence"]),
    "indices from nothing": ("0 the O\n1 cat B-x\n\n0 a O\n1 dog B-x\n", 2, ["counts the words of each sentence"]),
    "CoNLL 2009": ("1\tbuy\t_\tY\tbuy.01\n2\tit\t_\t_\t_\n\n" * 2, 2, ["counts the words of each sentence"]),
    "a document's name before words": ("bc/x the O\nbc/x cat B-x\n\n" * 4, 2, ["is 'bc/x' on every line"]),
    "numbers that are words": ("1 O\n3 B-x\n\n2 O\n", 0, []),
    "commas between words and tags": ("a,O\nb,B-x\n", 2, ["a word and its tag must stand there, got 'a,O'"]),
    "one tag": ("a O\nb O\n", 2, ["tags must differ"]),
    "Latin-1": ("é O\nb B-x\n".encode("latin-1"), 2, ["line 1 holds the byte 0xe9"]),
    "nothing": ("\n \n", 2, ["holds no examples"]),
    "prose": ("This is a text.\nIt has no tags at all\n", 0, ["of no scheme"]),
}


ANSWERS: dict[str, tuple[str, str, list[str], int, list[str]]] = {
    "numbers": ("regression", "", ["0", "2.5", "-1e1"], 0, ["-10 to 2.5, mean -2.5"]),
    "one number": ("regression", "", ["2", "2"], 0, ["so there is nothing to learn"]),
    "large numbers": ("regression", "", ["20", "52000"], 0, ["divide them by 10000"]),
    "a word": ("regression", "", ["0", "good"], 2, ["column 'answer': row 2: the label must be a number", "`replace`"]),
    "a comma": ("regression", "", ["0", "2,5"], 2, ["write it with a point, 2.5"]),
    "an empty cell": ("regression", "", ["0", ""], 2, ["row 2: the number is missing", 'on_bad_row = "skip"']),
    "a number with thousands": ("regression", "", ["1,000", "2"], 2, ["write it without commas, 1000"]),
    "a number of no float32": ("regression", "", ["1e300", "2"], 2, ["must be below 1e+18", "got 1e+300"]),
    "a number of many digits": ("regression", "", ["1" * 400, "2"], 2, ["must be a number", "1..."]),
    "half a number": ("regression", "", ["nan", "2"], 2, ["must be a number, such as 3.5, got 'nan'"]),
    "lists of Python": ("multilabel", "", ["['a', 'b']", "['b']", "[]"], 0, ["a 1, b 2"]),
    "lists of Python between commas": ("multilabel", 'separator = ","', ["['a', 'b']", "['b']"], 0, ["a 1, b 2"]),
    "another separator": ("multilabel", 'separator = ";"', ["a|b", "b|c", "a"], 0, ["labels hold '|', such as 'a|b'"]),
    "a separator at the end": (
        "multilabel",
        'separator = "|"',
        ["a|b|", "b"],
        2,
        ["the label is missing, in ['a', 'b', '']"],
    ),
    "stated labels": ("regression", 'labels = ["a", "b"]', ["0", "1"], 2, ["labels: unknown key"]),
    "sets": ("multilabel", 'separator = "|"', ["a|b", "", "b"], 0, ["a 1, b 2"]),
    "no separator": ("multilabel", "", ["a|b", "b"], 2, ["row 1: the labels must be a list", "separator = '|'"]),
    "one label": ("multilabel", 'separator = "|"', ["a", ""], 2, ["at least two labels; there is only 'a'"]),
    "an empty separator": ("multilabel", 'separator = ""', ["a", "b"], 2, ["separator"]),
}
"""Answers that are no single label, in a csv."""


def cases() -> Iterator[Case]:
    """Every file, read by `ptune validate --data`."""
    for code, files in ((0, READ), (2, REFUSED)):
        for name, (path, content, keys, words) in files.items():
            file = path.partition("[")[0]
            job = toml({"task.data.source": None}, f'[task.data]\ntrain = "{file}"\ndev = "{path}"\n{keys}\n')
            yield Case(
                f"data: {name}", ("validate", "j.toml", "--data"), code, tuple(words), {file: content, "j.toml": job}
            )
    for name, (kind, keys, answers, code, words) in ANSWERS.items():
        rows = "text,answer\n" + "".join(f'thing {number},"{answer}"\n' for number, answer in enumerate(answers))
        named = f'[task]\nkind = "{kind}"\n[task.data]\ntrain = "a.csv"\ndev = "a.csv"\nlabel = "answer"\n{keys}\n'
        files = {"a.csv": rows, "j.toml": toml({"task.data.source": None}, named)}
        yield Case(f"{kind}: {name}", ("validate", "j.toml", "--data"), code, tuple(words), files)
    for name, (content, code, words) in WORDS.items():
        data = '[task]\nkind = "tokens"\n[task.data]\ntrain = "a.conll"\ndev = "a.conll"\n'
        files = {"a.conll": content, "j.toml": toml({"task.data.source": None}, data)}
        yield Case(f"words: {name}", ("validate", "j.toml", "--data"), code, tuple(words), files)
