import base64
import re
from html.parser import HTMLParser

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib.report.html import formula, to_html

PIXEL = base64.b64encode(
    bytes.fromhex(
        "89504e470d0a1a0a0000000d494844520000000100000001080600000"
        "01f15c4890000000d49444154789c626001000000050001a5f645400000000049454e44ae426082"
    )
).decode()
TEXT = """# Goal & idea

Score $s(q, m) = \\sum_v w_v$ for <script>alert(1)</script>

$$
L = a < b
$$

| a |
|---|
| 1 |"""


class Links(HTMLParser):
    """Every attribute by which a page could load something, and the tags."""

    def __init__(self):
        super().__init__()
        self.sources, self.tags = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.sources += [v for k, v in attributes if k in ("src", "href", "srcset", "data", "style", "action") and v]


def page(tmp_path, *cells) -> tuple[str, Links]:
    path = tmp_path / "04_train_cmic.ipynb"
    nbformat.write(new_notebook(cells=list(cells)), path)
    text = to_html(path, path.with_suffix(".html")).read_text(encoding="utf-8")
    links = Links()
    links.feed(text)
    return text, links


def output(mime: str, data: str):
    return new_output("display_data", data={mime: data, "text/plain": "fallback"})


def test_formulas_become_mathml_and_text_is_escaped(tmp_path):
    text, links = page(tmp_path, new_markdown_cell(TEXT))
    assert links.tags.count("math") == 2
    assert 'display="block"' in text
    assert "script" not in links.tags
    assert "&lt;script&gt;" in text
    assert "<title>Goal &amp; idea</title>" in text
    assert "<td>1</td>" in re.sub(r"\s*style=\S+", "", text)


def test_nothing_is_loaded_from_anywhere(tmp_path):
    table = '<style>@import "https://x.y/z.css";</style><table><tr><td onclick="a()">7<img src="https://x.y/p.png">'
    svg = '<svg xmlns="http://www.w3.org/2000/svg"><image href="https://x.y/p.png"/></svg>'
    outputs = [output("text/html", table), output("image/png", PIXEL), output("image/svg+xml", svg)]
    text, links = page(tmp_path, new_markdown_cell(TEXT), new_code_cell("f()", outputs=outputs))
    assert all(source.startswith(("data:image/", "#")) for source in links.sources), links.sources
    assert links.tags.count("img") == 2  # the picture and the drawing, not the one in the table
    for word in ("@import", "url(", "onclick", "require", "mathjax", "cdn"):
        assert word not in text.lower()
    assert "<td>7" in text


def test_a_table_with_an_index_of_two_keeps_its_columns(tmp_path):
    table = pd.DataFrame({"n": [1, 2]}, index=pd.MultiIndex.from_tuples([("mask", "box"), ("mask", "none")]))
    text, _ = page(
        tmp_path, new_markdown_cell("x"), new_code_cell("f()", outputs=[output("text/html", table.to_html())])
    )
    assert '<th rowspan="2">mask</th>' in re.sub(r' valign="top"', "", text)


def test_output_text_is_escaped_and_without_colour_codes(tmp_path):
    outputs = [
        new_output("stream", text="a < b\n"),
        new_output("execute_result", data={"text/plain": "<Axes: x>"}),
        new_output("error", ename="E", evalue="v", traceback=["\x1b[0;31mE\x1b[0m: <v>"]),
    ]
    text, _ = page(tmp_path, new_code_cell("x = 1 < 2", outputs=outputs))
    assert "a &lt; b" in text
    assert "&lt;Axes: x&gt;" in text
    assert "E: &lt;v&gt;" in text
    assert "\x1b" not in text


def test_contents_link_to_the_sections_and_anchors_are_unique(tmp_path):
    text, links = page(tmp_path, new_markdown_cell("# Title\n## Views\n## Views\n### Deep\n## What $L$ is"))
    anchors = [source for source in links.sources if source.startswith("#")]
    assert anchors[:2] == ["#views", "#views-2"]
    assert len(anchors) == 3
    assert all(f'id="{anchor[1:]}"' in text for anchor in anchors)


def test_a_phone_can_read_it(tmp_path):
    text, _ = page(tmp_path, new_markdown_cell("# T"))
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert "max-width: 100%" in text


def test_pictures_beside_the_notebook_are_inlined_and_others_refused(tmp_path):
    (tmp_path / "rig.png").write_bytes(base64.b64decode(PIXEL))
    text, _ = page(tmp_path, new_markdown_cell("![the rig](rig.png)"))
    assert f'<img alt="the rig" src="data:image/png;base64,{PIXEL}">' in text
    for url in ("https://x.y/rig.png", "missing.png"):
        with pytest.raises(ValueError, match="is not a file beside"):
            page(tmp_path, new_markdown_cell(f"![the rig]({url})"))


def test_aligned_and_words_are_understood_and_nonsense_stays_visible():
    assert formula(r"\begin{aligned} a &= b \\ c &= d \end{aligned}").count("<mtr>") == 2
    assert "<mtext>softmax</mtext>" in formula(r"\mathrm{softmax}_v")
    assert formula(r"\begin{") == r"<code>\begin{</code>"


def test_every_picture_says_what_it_shows_its_own_text_or_what_was_said_before_it(tmp_path):
    own = new_output("display_data", data={"image/png": PIXEL}, metadata={"image/png": {"alt": 'two "chairs"'}})
    said = new_markdown_cell("# T\n## Curves\n\nLeft seen, **right** $x$ unseen.")
    text, _ = page(tmp_path, said, new_code_cell("f()", outputs=[own, output("image/png", PIXEL)]))
    alts = re.findall('<img alt="([^"]*)"', text)
    assert alts == ["two &quot;chairs&quot;", "Curves. Left seen, right unseen."]


def test_of_the_parameters_the_page_shows_those_that_it_ran_with(tmp_path):
    default = new_code_cell("epochs = 1", metadata={"tags": ["parameters"]})
    given = new_code_cell("epochs = 77", metadata={"tags": ["injected-parameters"]})
    plain = re.sub("<[^>]+>", "", page(tmp_path, default, given)[0])
    assert "epochs = 77" in plain and "epochs = 1" not in plain
    assert "epochs = 1" in re.sub("<[^>]+>", "", page(tmp_path, default)[0])
