from lib.training.checkpoint import cache_folder, clear_checkpoint, load_checkpoint


def test_the_folder_changes_with_params_and_contents(tmp_path):
    file = tmp_path / "input"
    file.write_text("a")
    first = cache_folder(tmp_path, "stage", {"lr": 1}, [file])
    assert first == cache_folder(tmp_path, "stage", {"lr": 1}, [file])
    assert first.parent == tmp_path / ".cache" / "stage"
    assert first != cache_folder(tmp_path, "stage", {"lr": 2}, [file])
    file.write_text("b")
    assert first != cache_folder(tmp_path, "stage", {"lr": 1}, [file])


def test_nothing_to_go_on_from(tmp_path):
    assert load_checkpoint(None, None, None, None, None).curves == []
    assert load_checkpoint(tmp_path / "absent", None, None, None, None).best is None
    clear_checkpoint(tmp_path / "absent")
