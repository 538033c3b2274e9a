"""MI3DOR in the layouts that it circulates in, written small: two categories, three models each."""

import numpy as np
import pytest
from PIL import Image

from lib.data import mi3dor
from lib.data.tables import TRAINED, TableError, protocol, validate


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(path)


@pytest.fixture
def raw(tmp_path):
    for split in ("train", "test"):
        for category in ("airplane", "bed"):
            for k in range(1, 4):
                name = f"{category}_{split}_{k:04d}"
                picture(tmp_path / "image" / split / category / f"{k}.jpg")
                mesh = tmp_path / "model" / split / category / f"{name}.obj"
                mesh.parent.mkdir(parents=True, exist_ok=True)
                mesh.write_text("")
                picture(tmp_path / "view" / split / category / name / "view1.jpg")
    return tmp_path


def lists(root, flat, split):
    """The list files of one split; `flat` puts the views of all models of a category into one folder."""
    images, views = [], []
    for label, category in enumerate(("airplane", "bed")):
        for k in range(1, 4):
            images.append(f"image/{split}/{category}/{k}.jpg {label}")
            for v in range(1, 13):
                inner = f"m{k}_{v:03d}.jpg" if flat else f"m{k}/{v:03d}.jpg"
                views.append(f"view/{split}/{category}/{inner} {label}")
    for line in images + views:
        picture(root / line.split()[0])
    return images, views


def write(root, flat=False):
    for split in ("train", "test"):
        images, views = lists(root, flat, split)
        (root / f"list_source_{split}.txt").write_text("\n".join(images) + "\n")
        (root / f"list_target_{split}.txt").write_text("\n".join(views) + "\n")


def test_raw_layout(raw):
    shapes, queries = mi3dor.read(raw, val=0.34)
    validate(shapes, queries, raw)
    assert len(shapes) == 12 and len(queries) == 12
    assert (queries["shape_id"] == "").all()
    assert (shapes["role"] == TRAINED).tolist() == (shapes["split"] == "train").tolist()
    one = shapes.set_index("shape_id").loc["bed_test_0002"]
    assert one["mesh"] == "model/test/bed/bed_test_0002.obj" and one["views"] == "view/test/bed/bed_test_0002"
    assert queries["split"].value_counts().to_dict() == {"test": 6, "train": 4, "val": 2}
    assert set(protocol(shapes, queries)) == {"unseen"}


def test_meshes_or_views_alone(raw):
    for path in sorted((raw / "model").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    shapes, queries = mi3dor.read(raw)
    validate(shapes, queries, raw)
    assert len(shapes) == 12 and (shapes["mesh"] == "").all() and (shapes["views"] != "").all()


@pytest.mark.parametrize("flat", [False, True])
def test_list_files_give_twelve_lines_to_a_model(tmp_path, flat):
    write(tmp_path, flat)
    shapes, queries = mi3dor.read(tmp_path)
    validate(shapes, queries, tmp_path)
    assert shapes["category"].value_counts().to_dict() == {"airplane": 6, "bed": 6}
    assert len(queries) == 12 and shapes["shape_id"].is_unique
    row = shapes.set_index("shape_id").loc["view/test/bed/m2"]
    assert row["views"] == ("view/test/bed/m2_0*" if flat else "view/test/bed/m2")


def test_second_edition_finds_names_in_folders_or_numbers_them(tmp_path):
    for split in ("train", "test"):
        images, views = lists(tmp_path / split / "2D", False, split)
        _ = lists(tmp_path / split / "3D", False, split)
        (tmp_path / split / f"MI3DOR_2_Image_{split}_list.txt").write_text("\n".join(images))
        (tmp_path / split / f"MI3DOR_2_View_{split}_list.txt").write_text("\n".join(views))
    shapes, queries = mi3dor.read_second(tmp_path)
    validate(shapes, queries, tmp_path)
    assert set(shapes["category"]) == set(queries["category"]) == {"airplane", "bed"}
    assert shapes["views"].str.startswith(("train/3D/view", "test/3D/view")).all()
    name = tmp_path / "train" / "MI3DOR_2_Image_train_list.txt"
    name.write_text(name.read_text().replace("airplane/1.jpg 0", "airplane/1.jpg 1"))
    shapes, queries = mi3dor.read_second(tmp_path)
    assert set(shapes["category"]) == {"class_00", "class_01"}


def test_errors_name_the_line_or_the_folder(tmp_path, raw):
    picture(raw / "image" / "test" / "spoon" / "1.jpg")
    with pytest.raises(TableError, match=r"1 rows are in a folder of no category: .*spoon"):
        mi3dor.read(raw)
    write(tmp_path)
    target = tmp_path / "list_target_test.txt"
    whole = target.read_text()
    target.write_text(whole.replace("bed/m1/005.jpg 1", "bed/m1/005.jpg 0"))
    with pytest.raises(TableError, match=r"list_target_test.txt: views must come 12 lines to a model.*line 41"):
        mi3dor.read(tmp_path)
    target.write_text(whole + "view/test/bed/m1/001.jpg 1\n")
    with pytest.raises(TableError, match="see 73 lines"):
        mi3dor.read(tmp_path)
    target.write_text(whole.replace("m1/005.jpg 1", "m1/005.jpg 21"))
    with pytest.raises(TableError, match=r"1 rows have no label 0 to 20: .*m1/005.jpg.*: 21"):
        mi3dor.read(tmp_path)
    target.unlink()
    with pytest.raises(FileNotFoundError, match=r"list_target_test.txt: no such list"):
        mi3dor.read(tmp_path)


def test_views_of_one_model_in_two_folders_are_refused(tmp_path):
    write(tmp_path)
    target = tmp_path / "list_target_train.txt"
    target.write_text(target.read_text().replace("airplane/m1/012", "airplane/m2/012"))
    with pytest.raises(
        TableError, match="1 models have views in several folders, the first ones at view/train/airplane"
    ):
        mi3dor.read(tmp_path)
