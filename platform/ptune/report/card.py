"""A search as a notebook shows it: an HTML fragment with style of its own, in the colours that stand around it.

Nothing in it depends on whether a notebook is light or dark: text takes the notebook's colour, lines and bars are half
transparent, and the plots keep their white ground. Pure: from the object of `ptune.report.findings` and a picture's
bytes to text.
"""

from __future__ import annotations

from ptune.report.diagnosed import TITLE, diagnosis_list
from ptune.report.findings import Findings
from ptune.report.html import image
from ptune.report.tables import configuration_table, confirmation_table, headline, importance_table, trial_table

_STYLE = """
.ptune-search { font: 14px/1.45 system-ui, sans-serif; color: inherit; max-width: 66rem; padding: .25rem 0; }
.ptune-search h1 { font-size: 1.15rem; font-weight: 650; margin: 0; color: inherit; }
.ptune-search h2 { font-size: .95rem; font-weight: 600; margin: 1.1rem 0 .3rem; color: inherit; }
.ptune-search p { margin: .15rem 0; } .ptune-search .soft, .ptune-search small, .ptune-search th { opacity: .72; }
.ptune-search .big { font-size: 1.8rem; font-weight: 650; line-height: 1.2; } .ptune-search .wide { overflow-x: auto; }
.ptune-search table { border-collapse: collapse; border: none; font-size: inherit; font-variant-numeric: tabular-nums;
  margin: 0; color: inherit; background: none; }
.ptune-search tr, .ptune-search tr:hover, .ptune-search tr:nth-child(even) { background: none; }
.ptune-search th, .ptune-search td { padding: .22rem .8rem .22rem 0; border: none; color: inherit; text-align: left;
  border-bottom: 1px solid rgba(128, 128, 128, .3); vertical-align: top; max-width: none; }
.ptune-search th { font-weight: 500; } .ptune-search .n { text-align: right; white-space: nowrap; }
.ptune-search tr.best td { font-weight: 650; }
.ptune-search .bar { display: inline-block; height: .6rem; background: #3b8fd0; border-radius: 2px; }
.ptune-search .flag { color: #d9622b; opacity: 1; }
.ptune-search img { max-width: 100%; background: #fff; border-radius: 6px; margin-top: .8rem; }
"""

_ROWS = 10
"""Trials or configurations that the card shows; the page and the leaderboard files have more."""


def card(report: Findings, picture: bytes | None) -> str:
    """The fragment.

    Args:
        report: what the search has come to.
        picture: the curves as PNG; None before the first report.
    """
    leaders = configuration_table(report, _ROWS) if report.repeated else trial_table(report, _ROWS)
    confirmed = confirmation_table(report.confirmation)
    diagnosed = diagnosis_list(report.diagnoses)
    mattered = importance_table(report.importances)
    sections = [
        headline(report),
        f"<h2>{TITLE}</h2>{diagnosed}" if diagnosed else "",
        f"<h2>Confirmed on fresh seeds</h2>{confirmed}" if confirmed else "",
        image(picture),
        f"<h2>Best first</h2>{leaders}" if leaders else "",
        f"<h2>What mattered</h2>{mattered}" if mattered else "",
    ]
    return f'<div class="ptune-search"><style>{_STYLE}</style>{"".join(sections)}</div>'
