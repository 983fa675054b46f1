"""The report's page as a browser shows it: wide, narrow, light, dark and on paper, under a pointer and by keyboard."""

import re

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ptune.record.history import History
from ptune.record.journal import read
from ptune.report.charts.theme import BEST
from ptune.report.findings import of_folder
from ptune.report.write_files import write_report
from support.browser import browser
from support.played import make_job, play

DRAWN = "document.documentElement.dataset.drawn"
WAYS = {
    "wide": (1280, {}),
    "wide and dark": (1280, {"dark": True}),
    "a phone": (390, {}),
    "a dark phone": (390, {"dark": True}),
    "paper": (1280, {"dark": True, "media": "print"}),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of a search with conditional parameters, early stopping and a published number."""
    path = tmp_path_factory.mktemp("reported")
    row = {"metric": "accuracy", "value": 0.9, "what": "P-tuning </script>", "source": "Table 2"}
    with pytest.MonkeyPatch.context() as patch:
        history = play(path / "journal.jsonl", patch, make_job(trials=30, published=[row]))
    write_report(path, history, of_folder(path, history, running=False))
    return path


@pytest.fixture(scope="module")
def ranked(folder):
    return History.of(read(folder / "journal.jsonl")).ranked()


@pytest.fixture(scope="module")
def chromium():
    with browser() as shown:
        yield shown


@pytest.fixture
def page(chromium, folder):
    """The page, wide and light, with all charts drawn."""
    chromium.show(1280)
    chromium.open(folder / "report.html")
    chromium.wait_until(DRAWN)
    return chromium


def marks(page, chart, kind="symbol"):
    """The elements of a chart's marks of some kind."""
    return page.driver.find_elements(By.CSS_SELECTOR, f'[data-name="{chart}"] .mark-{kind}.role-mark path')


def lit(elements, attribute="fill-opacity"):
    return [element for element in elements if float(element.get_attribute(attribute) or 1) > 0.1]


@pytest.mark.parametrize("way", WAYS)
def test_every_chart_is_drawn_and_the_page_fits(chromium, folder, ranked, way):
    width, more = WAYS[way]
    chromium.show(width, **more)
    chromium.open(folder / "report.html")
    charts = chromium.wait_until(DRAWN)
    assert int(charts) == len(chromium.driver.find_elements(By.CSS_SELECTOR, ".chart svg")) >= 11
    assert chromium.errors() == []
    assert chromium.evaluate("document.documentElement.scrollWidth") <= width
    assert len(marks(chromium, "history")) == len(ranked)
    assert len(marks(chromium, "parallel", "path")) == len(ranked)
    for name in ("method", "length", "lr", "encoder", "depth"):
        have = [trial for trial in ranked if trial.config.get(name) is not None]
        assert len(marks(chromium, f"slice-{name}")) == len(have), name
    assert len(marks(chromium, "importance", "rect")) >= 2


def test_the_data_keep_their_colours_in_the_dark(chromium, folder):
    seen = {}
    for dark in (False, True):
        chromium.show(1280, dark=dark)
        chromium.open(folder / "report.html")
        chromium.wait_until(DRAWN)
        best = [mark for mark in marks(chromium, "slice-lr") if mark.get_attribute("fill") == BEST]
        assert len(best) == 1
        look = "getComputedStyle(arguments[0]).fill"
        label = chromium.wait_for('[data-name="slice-lr"] .role-axis-label text')
        seen[dark] = (chromium.evaluate(look, best[0]), chromium.evaluate(look, label))
        assert chromium.evaluate("getComputedStyle(arguments[0]).filter", best[0]) == "none"
    assert seen[False][0] == seen[True][0]
    assert seen[False][1] != seen[True][1], "what stands around the data follows the page"


def drag_down(page, axis, end):
    """Brush an axis from above its upper end down to a share of its height."""
    page.evaluate("arguments[0].scrollIntoView({block: 'center'})", axis)
    top, below = 10, 0.18  # pixels beyond the end; what lies below 0, for absent values
    height = axis.rect["height"]
    y = (1 - end) / (1 + below) * (height - 2 * top) + top
    actions = ActionChains(page.driver).move_to_element_with_offset(axis, 0, 2 - int(height / 2))
    actions.click_and_hold().move_by_offset(0, int(y) - 2).release().perform()


def test_brushes_on_several_axes_keep_the_trials_that_pass_through_all(page, ranked):
    axes = page.driver.find_elements(By.CSS_SELECTOR, '[data-name="parallel"] [class*="zone"] path')
    assert len(axes) == 6
    values = sorted(trial.best_value for trial in ranked)
    good = {trial.number for trial in ranked if trial.best_value > 0.6 * values[0] + 0.4 * values[-1]}
    both = {trial.number for trial in ranked if trial.number in good and trial.config["method"] == "v2"}
    assert 0 < len(both) < len(good) < len(ranked)
    rows = "[...document.querySelectorAll('#trials tbody tr:not(.brushed-away)')].map(row => Number(row.dataset.trial))"
    for axis, end, left in ((axes[-1], 0.4, good), (axes[0], 0.5, both)):  # the better results, and of these v2
        drag_down(page, axis, end)
        page.wait_until(f"{rows}.length == {len(left)}")
        assert set(page.evaluate(rows)) == left
        assert len(lit(marks(page, "history"))) == len(lit(marks(page, "slice-lr"))) == len(left)
        assert f"{len(left)} of {len(ranked)} trials" in page.wait_for(".kept").text
    for axis in (axes[0], axes[-1]):
        ActionChains(page.driver).move_to_element(axis).click().perform()
    page.wait_until(f"{rows}.length >= {len(ranked)}")
    assert len(lit(marks(page, "history"))) == len(ranked)
    assert page.errors() == []


def test_the_legend_filters_trials(page, ranked):
    complete = [trial for trial in ranked if trial.status == "complete"]
    entries = page.driver.find_elements(By.CSS_SELECTOR, '[data-name="history"] .role-legend-label text')
    label = next(entry for entry in entries if entry.text == "complete")
    page.evaluate("arguments[0].scrollIntoView({block: 'center'})", label)
    label.click()
    points = marks(page, "history")
    assert len(lit(points)) == len(complete) - 1, "the best has an entry of its own"


def test_a_pointer_over_a_curve_tells_its_trial(page):
    line = page.driver.find_elements(By.CSS_SELECTOR, '[data-name="curves"] .mark-line.role-mark path')[-1]
    page.evaluate("arguments[0].scrollIntoView({block: 'center'})", line)
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")  # it has scrolled
    middle = "line.getPointAtLength(line.getTotalLength() * .3).matrixTransform(line.getScreenCTM())"
    x, y = page.evaluate(f"(line => {{ const point = {middle}; return [point.x, point.y] }})(arguments[0])", line)
    for step in (0, 1):
        page.driver.execute_cdp_cmd("Input.dispatchMouseEvent", {"type": "mouseMoved", "x": x + step, "y": y})
    told = page.wait_for(".tip.shown").text
    assert re.search(r"trial\s+\d+", told)
    assert re.search(r"configuration\s+v[12] · ", told)


def test_the_keyboard_reaches_every_chart_and_walks_through_its_marks(page):
    page.evaluate("document.body.focus()")
    charts = page.driver.find_elements(By.CSS_SELECTOR, ".chart")
    names = []
    for _ in range(200):
        ActionChains(page.driver).send_keys(Keys.TAB).perform()
        name = page.evaluate("document.activeElement.dataset.name || ''")
        names += [name] if name and name not in names else []
        if len(names) == len(charts):
            break
    assert names == [chart.get_attribute("data-name") for chart in charts]
    history = next(chart for chart in charts if chart.get_attribute("data-name") == "history")
    page.evaluate("arguments[0].focus()", history)
    said = set()
    for _ in range(3):
        ActionChains(page.driver).send_keys(Keys.ARROW_RIGHT).perform()
        said.add(page.driver.find_element(By.CSS_SELECTOR, ".voice").get_attribute("textContent"))
    assert len(said) == 3
    assert all(re.fullmatch(r"(trial: .+; best: .+)|(trial \d+: accuracy .+)", words) for words in said), said


def test_tables_say_what_they_hold_and_sort(page, ranked):
    table = page.wait_for("#trials table")
    assert table.find_element(By.TAG_NAME, "caption").text.startswith("Every trial")
    assert all(head.get_attribute("scope") == "col" for head in table.find_elements(By.TAG_NAME, "th"))
    lr = next(head for head in table.find_elements(By.CSS_SELECTOR, "th button") if head.text.startswith("lr"))
    page.evaluate("arguments[0].click()", lr)
    numbers = page.evaluate("[...document.querySelectorAll('#trials tbody tr')].map(row => Number(row.dataset.trial))")
    shown = [number for number in numbers if number in {trial.number for trial in ranked}]
    assert shown == [trial.number for trial in sorted(ranked, key=lambda trial: trial.config["lr"])]


def test_it_prints_on_paper_and_returns(page, tmp_path):
    before = page.evaluate("document.querySelector('[data-name=curves] svg').getBoundingClientRect().width")
    printed = page.pdf(tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert printed.count(b"/Type /Page\n") >= 3
    after = "document.querySelector('[data-name=curves] svg').getBoundingClientRect().width"
    assert page.wait_until(f"Math.abs({after} - {before}) < 1")
    assert page.errors() == []


def test_a_frame_without_rights_shows_the_page_as_well(chromium, folder, tmp_path):
    """As MLflow shows files: in a sandbox that allows scripts and nothing else."""
    (tmp_path / "frame.html").write_text(
        f'<iframe sandbox="allow-scripts" style="width:100%;height:800px" src="{(folder / "report.html").as_uri()}">',
        encoding="utf-8",
    )
    chromium.show(1280)
    chromium.open(tmp_path / "frame.html")
    chromium.driver.switch_to.frame(0)
    assert int(chromium.wait_until(DRAWN)) >= 11
    assert chromium.errors() == []
    chromium.driver.switch_to.default_content()
