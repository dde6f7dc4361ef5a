"""Sphinx's settings for the site that build.py composes. Nothing is fetched, when built or read."""

import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

project = "kineograph"
extensions = ["myst_nb"]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # build.py runs the lessons
html_theme = "furo"
html_title = "kineograph"
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_math_renderer = "mathml"
exclude_patterns = ["**/site/**", "**/lessons/figures.py"]
# A picture shown is a picture; links to source files lead into the repository, not into the site.
suppress_warnings = ["myst.xref_missing", "mystnb.unknown_mime_type", "misc.highlighting_failure"]


def _formula(translator, node: nodes.Node, block: bool) -> None:
    """A formula as MathML, which browsers show by themselves."""
    label = f' id="{node["ids"][0]}"' if node.get("ids") else ""
    kind = "div" if block else "span"
    made = re.sub(r">\s+<", "><", tex2mathml(node.astext(), as_block=block))
    translator.body.append(f"<{kind}{label}>{made}</{kind}>")
    raise nodes.SkipNode


def setup(app) -> None:
    app.add_html_math_renderer(
        "mathml",
        (lambda self, node: _formula(self, node, False), None),
        (lambda self, node: _formula(self, node, True), None),
    )
