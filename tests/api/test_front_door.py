"""What `import ptune` offers: few names, typed, loaded when they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ptune

CLIENT = Path(__file__).with_name("client.py")


def imported_for_types():
    """Every name that the front door imports for type checkers, with its module."""
    tree = ast.parse(Path(ptune.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    return {alias.name: node.module for node in block.body for alias in node.names}


def test_there_are_at_most_fifteen_public_names():
    assert len(ptune.__all__) <= 15
    assert sorted(ptune.__all__) == ptune.__all__


def test_every_public_name_is_loaded_from_where_type_checkers_find_it():
    assert imported_for_types() == ptune._HOMES
    assert set(ptune.__all__) == {*ptune._HOMES, "__version__"}
    for name, module in ptune._HOMES.items():
        assert getattr(ptune, name) is getattr(sys.modules[module], name)


def test_names_are_listed_before_they_are_loaded():
    code = "import ptune; print(set(ptune.__all__) <= set(dir(ptune)), 'load' in vars(ptune))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def test_no_public_name_is_hidden_by_a_part_of_the_package():
    """Importing a part sets the package's attribute of that name."""
    parts = {path.stem for path in Path(ptune.__file__).parent.iterdir()}
    assert not parts & set(ptune.__all__)


def test_an_unknown_name_is_no_attribute():
    with pytest.raises(AttributeError, match="module 'ptune' has no attribute 'serch'"):
        _ = ptune.serch


LIBRARIES = "torch,transformers,numpy,pydantic,pydantic_core,ray,mlflow,optuna,pandas,rich,safetensors,datasets,pyarrow"


def test_a_typed_program_passes_strict_checks(tmp_path):
    skipped = "\n".join(f"[mypy-{name}.*]\nfollow_imports = skip" for name in LIBRARIES.split(","))
    strict = f"[mypy]\nstrict = true\nfollow_imports = silent\nmypy_path = {Path(ptune.__file__).parents[1]}\n"
    (tmp_path / "mypy.ini").write_text(f"{strict}{skipped}\n", encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--cache-dir", str(tmp_path / "cache"), str(CLIENT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    wrong = CLIENT.read_text(encoding="utf-8").replace("list[dict[str, object]] = [", "list[int] = [")
    (tmp_path / "wrong.py").write_text(wrong, encoding="utf-8")
    done = subprocess.run([*command[:-1], "wrong.py"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "List item 0 has incompatible type" in done.stdout
