"""The house as data: which floor a part lives on, and which library may be used where."""

import re
import subprocess
import sys

import pytest

from support.repository import PACKAGE, PLATFORM, imports, modules

FLOORS = (
    {"errors", "files", "node_files"},
    {"spec"},
    {"record"},
    {"diagnosis"},
    {"data", "backbone", "searching", "tracking", "storage"},
    {"prompts"},
    {"tasks"},
    {"engine", "artifacts"},
    {"checks", "serving"},
    {"run"},
    {"raytune"},
    {"report"},
    {"api"},
    {"cli"},
)
BLIND = ({"data", "backbone", "searching", "tracking", "storage"}, {"engine", "artifacts"})
"""Parts of one floor that do not import each other. On the lowest floor the parts may."""

WALLS = {
    "ray": ("raytune/",),
    "optuna": ("searching/",),
    "fsspec": ("storage/",),
    "mlflow": ("tracking/",),
    "altair": ("report/charts/",),
    "vl_convert": ("report/charts/draw.py",),
    "click": ("cli/",),
    "rich": ("report/", "cli/"),
    "pandas": ("api/", "report/write_files.py"),
    "starlette": ("serving/",),
    "uvicorn": ("serving/",),
    "IPython": ("report/notebook.py",),
}
TORCHLESS = (
    "errors",
    "files",
    "spec",
    "record",
    "diagnosis",
    "searching",
    "tracking",
    "storage",
    "checks",
    "report",
    "api",
    "cli",
)
OUTSIDE = {"__init__", "__main__"}  # the package's own front door


def part(name):
    """`engine` of `ptune.engine.fused`."""
    return name.split(".")[1] if "." in name else "__init__"


def floor(name):
    return next(level for level, parts in enumerate(FLOORS) if part(name) in parts)


INSIDE = {name: path for name, path in modules().items() if part(name) not in OUTSIDE}


def own_imports(path, **options):
    """The modules of the package that a module imports."""
    known = modules()
    return {name for name in imports(path, **options) if name in known and name != "ptune"}


def test_the_architecture_page_shows_the_floors():
    rows = re.findall(
        r"^\| (\d+) \| ((?:`\w+` ?)+)\|", (PLATFORM / "README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [int(level) for level, _ in rows] == list(range(len(FLOORS)))
    assert [set(re.findall(r"\w+", parts)) for _, parts in rows] == list(FLOORS)


def test_every_module_has_a_floor():
    assert {part(name) for name in INSIDE} <= set.union(*FLOORS)


@pytest.mark.parametrize("name", INSIDE)
def test_a_module_imports_lower_floors_and_its_own_folder(name):
    for other in own_imports(INSIDE[name]):
        same_folder = part(other) == part(name)
        blind = any({part(name), part(other)} <= group for group in BLIND)
        same_floor = floor(other) == floor(name) and not blind
        assert same_folder or same_floor or floor(other) < floor(name), f"{name} imports {other}"


@pytest.mark.parametrize("library", WALLS)
def test_a_library_stays_behind_its_wall(library):
    for path in modules().values():
        place = path.relative_to(PACKAGE).as_posix()
        used = {name.split(".")[0] for name in imports(path)}
        assert library not in used or place.startswith(WALLS[library]), f"{place} imports {library}"


def test_every_wall_stands_around_something():
    assert all((PACKAGE / place).exists() for places in WALLS.values() for place in places)


def test_the_lower_floors_the_search_and_the_tracking_know_no_torch():
    for name, path in INSIDE.items():
        if part(name) in TORCHLESS:
            used = {other.split(".")[0] for other in imports(path, top_level=True)}
            assert not used & {"torch", "transformers", "peft"}, name


def test_nothing_imports_in_a_circle():
    graph = {name: own_imports(path, top_level=True) - {name} for name, path in modules().items()}
    while leaves := {name for name, others in graph.items() if not others & graph.keys()}:
        graph = {name: others for name, others in graph.items() if name not in leaves}
    assert not graph, f"in or behind a circle: {sorted(graph)}"


def test_a_model_of_mlflow_carries_every_part_that_it_imports():
    from ptune.tracking import model

    waiting, reached = [model._LOADER], set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += own_imports(modules()[name], top_level=True)
    carried = {*model._PARTS, *(name.removesuffix(".py") for name in model._MODULES)}
    assert {part(name) for name in reached} <= carried


def loaded_by(code):
    """The top-level packages in memory after running some code in a fresh interpreter."""
    program = f"import sys\n{code}\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


LIGHT = (
    "import ptune.spec.load, ptune.searching.conductor, ptune.run.search, ptune.run.confirm, ptune.cli.main",
    "import ptune.checks.job, ptune.checks.file, ptune.checks.memory",
    "import ptune.artifacts.inspection, ptune.report.inspected",
    "import ptune.report.live, ptune.report.summary, ptune.report.findings, ptune.report.page",
)


def test_the_light_parts_load_neither_torch_nor_ray():
    heavy = {"torch", "ray", "transformers", "mlflow", "sklearn", "scipy", "pandas"}
    assert not loaded_by("\n".join(LIGHT)) & heavy


def test_an_engine_starts_without_what_only_reports_and_some_tasks_need():
    engine = loaded_by("import ptune.raytune.training, ptune.run.local")
    assert "torch" in engine
    assert not engine & {"ray", "mlflow", "sklearn", "pandas", "pyarrow", "datasets", "altair", "torchmetrics"}


def test_importing_ptune_loads_nothing_else():
    assert not loaded_by("import ptune") & {"pydantic", "numpy", "click", "rich", "optuna", "datasets"}


def test_the_source_root_is_no_package():
    assert not (PLATFORM / "__init__.py").exists(), "it would shadow the standard library's `platform`"
