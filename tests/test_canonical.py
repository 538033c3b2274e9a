import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lib import canonical


def notebook(*cells):
    return new_notebook(
        cells=list(cells), metadata={"papermill": {"duration": 1}, "language_info": {"name": "python", "version": "3"}}
    )


def parameters(source: str):
    return notebook(new_code_cell(source, metadata={"tags": ["parameters"]}))


def test_executed_keeps_what_was_computed_and_drops_what_changes():
    outputs = [
        new_output("stream", name="stdout", text="a"),
        new_output("stream", name="stderr", text="warned"),
        new_output("stream", name="stdout", text="b\n"),
        new_output("display_data", data={"text/plain": "c"}),
    ]
    cell = new_code_cell("f()", execution_count=4, outputs=outputs, metadata={"papermill": {"duration": 2}})
    result = canonical.executed(notebook(new_markdown_cell("# T"), cell))
    nbformat.validate(result)
    assert result.cells[1].execution_count == 4
    assert [out.get("text") for out in result.cells[1].outputs] == ["ab\n", None]
    assert result.cells[1].metadata == {}
    assert "papermill" not in result.metadata
    assert "version" not in result.metadata.language_info


def test_cleaned_has_no_outputs_and_is_a_fixed_point():
    injected = new_code_cell("lr = 2", metadata={"tags": ["injected-parameters"]})
    cell = new_code_cell("f()", execution_count=4, outputs=[new_output("stream", text="a")], metadata={"tags": ["x"]})
    once = canonical.cleaned(notebook(new_markdown_cell("# T"), injected, cell))
    assert [c.cell_type for c in once.cells] == ["markdown", "code"]
    assert once.cells[1].outputs == []
    assert once.cells[1].execution_count is None
    assert once.cells[1].metadata.tags == ["x"]
    text = nbformat.writes(once)
    assert nbformat.writes(canonical.cleaned(nbformat.reads(text, as_version=4))) == text


def test_clean_command_works_in_place_and_says_what_changed(tmp_path, capsys):
    path = tmp_path / "a.ipynb"
    nbformat.write(notebook(new_code_cell("f()", execution_count=1)), path)
    canonical.main([str(path)])
    assert capsys.readouterr().out == f"cleaned {path}\n"
    canonical.main([str(path)])
    assert capsys.readouterr().out == ""


def test_parameters_are_names_with_literals():
    defaults = canonical.notebook_parameters(parameters("# size\nseed = 0\nscale = (0.5, -1)\nname = 'a'"), "nb")
    assert defaults == {"seed": 0, "scale": (0.5, -1), "name": "a"}


@pytest.mark.parametrize("source", ["import os", "a = b = 1", "a = f()", "a.b = 1", "print(1)"])
def test_anything_else_in_the_parameters_cell_is_an_error(source):
    with pytest.raises(ValueError, match="^nb: "):
        canonical.notebook_parameters(parameters(source), "nb")


def test_there_is_exactly_one_parameters_cell():
    with pytest.raises(ValueError, match="0 cells"):
        canonical.notebook_parameters(notebook(new_code_cell("a = 1")), "nb")
