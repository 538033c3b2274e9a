"""An executed notebook as one page that loads nothing: formulas as MathML, pictures inlined, everything else escaped.

Own and small because nbconvert's page fetches require.js, MathJax and widgets from the network.
"""

import base64
import html
import mimetypes
import re
from pathlib import Path

import bleach
import jinja2
import mistune
import nbformat
from latex2mathml.converter import convert
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from lib.canonical import INJECTED, PARAMETERS, tags

TABLE_CELLS = {"td": ["colspan", "rowspan"], "th": ["colspan", "rowspan"]}  # as tables with an index of two have them
TABLE_TAGS = "b br caption code div em i p pre small span strong sub sup table tbody td tfoot th thead tr".split()
MATHML = (
    "math menclose mfrac mi mn mo mover mpadded mphantom mroot mrow mspace msqrt mstyle msub msubsup msup mtable mtd "
    "mtext mtr munder munderover"
).split()
PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
CODE = HtmlFormatter(style="default", cssclass="code")
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>
body { font: 16px/1.55 system-ui, sans-serif; color: #1b1b1b; background: #fff; max-width: 54rem;
  margin: 0 auto; padding: 0 1rem 3rem; overflow-wrap: anywhere; }
h1, h2, h3 { line-height: 1.2; margin: 2em 0 .6em; }
nav { border-left: 3px solid #0072b2; padding-left: 1rem; columns: 17rem; }
nav a { display: block; padding: .15em 0; text-decoration: none; color: #0b5394; break-inside: avoid; }
nav a:hover, nav a:focus { text-decoration: underline; }
pre, .code { font: 13px/1.45 ui-monospace, monospace; overflow-x: auto; }
.code { background: #f6f7f9; border-radius: 4px; margin: 1em 0 .4em; padding: .1em .8em; }
.out { overflow-x: auto; margin: 0 0 1em; padding-left: .8em; }
.error { color: #a40000; }
img { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-size: 14px; display: block; overflow-x: auto; }
th, td { padding: .2em .7em; border-bottom: 1px solid #ddd; text-align: right; white-space: nowrap; }
math { font-size: 1.08em; } math[display=block] { display: block; overflow-x: auto; padding: .5em 0; }
@media (max-width: 30rem) { body { font-size: 15px; padding: 0 .7rem 2rem; } .out { padding-left: 0; } }
@media print { pre, .out, table { overflow: visible; } .out img, table { break-inside: avoid; } a { color: inherit; } }
{{ code_style }}
</style>
<main>
{% if headings %}<nav aria-label="contents">
{% for anchor, text in headings %}<a href="#{{ anchor }}">{{ text }}</a>
{% endfor %}</nav>{% endif %}
{% for part in parts %}{{ part }}
{% endfor %}
</main>
</html>
"""


def to_html(notebook_path: Path, out: Path) -> Path:
    """Writes the page of an executed notebook to `out` and returns it; the same notebook gives the same bytes.

    Raises ValueError, naming the notebook, when its text shows a picture from the network or one that does not exist.
    """
    notebook = nbformat.read(notebook_path, as_version=4)
    page = _Markdown(notebook_path)
    parts = []
    replaced = any(INJECTED in tags(cell) for cell in notebook.cells)
    for cell in notebook.cells:
        if replaced and PARAMETERS in tags(cell):
            continue  # the values that the notebook ran with follow
        if cell.cell_type == "markdown":
            parts.append(page.render(cell.source))
        elif cell.cell_type == "code" and cell.source.strip():
            parts.append(highlight(cell.source, PythonLexer(), CODE).strip())
            parts += [_output(output, page) for output in cell.outputs]
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(PAGE)
    text = template.render(
        title=page.title or notebook_path.stem,
        headings=[(anchor, text) for level, anchor, text in page.headings if level == 2],
        parts=[jinja2.utils.markupsafe.Markup(part) for part in parts],
        code_style=jinja2.utils.markupsafe.Markup(CODE.get_style_defs(".code")),
    )
    part = out.with_name(f".{out.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(out)
    return out


def formula(tex: str, display: str = "inline") -> str:
    """TeX as MathML; what the converter cannot read stays visible as TeX."""
    tex = tex.replace("{aligned}", "{align*}")  # the converter's name for it
    tex = re.sub(r"\\mathrm\{(\w{2,})\}", r"\\text{\1}", tex)  # a word, not a product of upright letters
    try:
        mathml = convert(tex.strip(), display=display)
    except Exception:  # the converter has no common base class, and a formula is no reason to lose a report
        mathml = ""
    return mathml if mathml and _harmless(mathml) else f"<code>{html.escape(tex.strip())}</code>"


def _harmless(mathml: str) -> bool:
    """Whether all tags are MathML's own: the converter copies what stands in a text of a formula as it is."""
    for tag in re.findall(r"<[^>]*>?", mathml):
        match = re.fullmatch(r'</?(\w+)((?: [\w:-]+="[^"<>]*")*) ?/?>', tag)
        if not match or match[1] not in MATHML or re.search(r" (on|href|src)", match[2], re.I):
            return False
    return True


class _Markdown(mistune.HTMLRenderer):
    """Markdown with formulas; collects the headings and inlines the pictures beside the notebook."""

    def __init__(self, notebook: Path):
        super().__init__(escape=True)
        self.notebook, self.title, self.headings, self.last = notebook, "", [], ""
        self._parse = mistune.create_markdown(renderer=self, plugins=["table", "strikethrough", "math"])
        self.register("inline_math", lambda _, tex: formula(tex))
        self.register("block_math", lambda _, tex: formula(tex, "block") + "\n")

    def render(self, source: str) -> str:
        self.last = self._parse(source)
        return self.last

    def about(self) -> str:
        """What a picture without a text of its own most likely shows: the section, and what was said before it."""
        section = self.headings[-1][2] if self.headings else self.notebook.stem
        without = re.sub(r"<(math|code|h\d)\b.*?</\1>", "", self.last, flags=re.S)
        said = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", without))).strip()
        return f"{section}. {said}" if len(said) <= 200 else f"{section}. {said[:200].rpartition(' ')[0]} ..."

    def heading(self, text: str, level: int, **attributes) -> str:
        plain = html.unescape(re.sub(r"<[^>]+>", "", text))
        stem = re.sub(r"\W+", "-", plain.lower()).strip("-") or "section"
        taken = {anchor for _, anchor, _ in self.headings}
        anchor = next(name for name in (stem, *(f"{stem}-{n}" for n in range(2, 999))) if name not in taken)
        self.headings.append((level, anchor, plain))
        self.title = self.title or plain
        return f'<h{level} id="{anchor}">{text}</h{level}>\n'

    def image(self, text: str, url: str, title: str | None = None) -> str:
        path = self.notebook.parent / url
        if "//" in url or not path.is_file():
            raise ValueError(f"{self.notebook}: the picture {url!r} is not a file beside the notebook")
        return _picture(base64.b64encode(path.read_bytes()).decode(), mimetypes.guess_type(url)[0], text)


def _picture(data: str, mime: str | None, text: str = "") -> str:
    return f'<img alt="{html.escape(text)}" src="data:{mime};base64,{data.replace(chr(10), "")}">'


def _output(output, page: _Markdown) -> str:
    if output.output_type == "stream":
        return f'<pre class="out">{html.escape(_plain(output.text))}</pre>'
    if output.output_type == "error":
        return f'<pre class="out error">{html.escape(_plain(chr(10).join(output.traceback)))}</pre>'
    data = output.get("data", {})
    for mime in PICTURES:
        if mime in data:
            text = output.get("metadata", {}).get(mime, {}).get("alt") or page.about()
            encoded = _base64(data[mime]) if mime == "image/svg+xml" else data[mime]
            return f'<div class="out">{_picture(encoded, mime, text)}</div>'
    if "text/html" in data:
        text = re.sub(r"<(style|script)\b.*?</\1>", "", data["text/html"], flags=re.S)
        return f'<div class="out">{bleach.clean(text, TABLE_TAGS, TABLE_CELLS, strip=True)}</div>'
    if "text/markdown" in data:
        return f'<div class="out">{page.render(data["text/markdown"])}</div>'
    if "text/latex" in data:
        return f'<div class="out">{formula(data["text/latex"].strip("$ "), "block")}</div>'
    return f'<pre class="out">{html.escape(_plain(data.get("text/plain", "")))}</pre>'


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)
