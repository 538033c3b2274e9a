import pytest

from lib.paths import artifact, data_path, report_path, root, upstream


@pytest.fixture
def tree(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").write_text("stages: {}\n")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    return tmp_path


def test_root_is_found_from_below(tree):
    assert root() == tree


def test_root_is_where_the_process_stands_not_where_lib_is_installed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no dvc\.yaml"):
        root()


def test_paths_are_below_the_folder_given_and_parents_are_made(tree):
    assert artifact("artifacts/smoke", "cmic", "curves.csv") == tree / "artifacts/smoke/cmic/curves.csv"
    assert (tree / "artifacts/smoke/cmic").is_dir()
    assert report_path("reports", "plots", "pr.csv") == tree / "reports/plots/pr.csv"
    assert (tree / "reports/plots").is_dir()


def test_data_may_be_inside_or_elsewhere(tree, tmp_path):
    assert data_path("data", "shapes.csv") == tree / "data" / "shapes.csv"
    assert data_path("/mnt/pix3d", "img") == (tmp_path / "/mnt/pix3d" / "img")


def test_a_missing_upstream_names_the_notebook_to_run(tree):
    path = artifact("artifacts", "views", "views.npy")
    with pytest.raises(FileNotFoundError, match=r"artifacts/views/views\.npy.*02_render\.ipynb.*dvc repro render"):
        upstream(path, "02_render")
    smoke = artifact("artifacts/smoke", "views", "views.npy")
    with pytest.raises(FileNotFoundError, match="--smoke 02_render"):
        upstream(smoke, "02_render")
    path.write_bytes(b"")
    assert upstream(path, "02_render") == path
