import zipfile

import pytest

from lib.data.build.catalogue import read_catalogue, unpack

ENTRY = r"""name#1=Caf\u00e9 chair
model#1=/scopia/chair_1/chair.obj
icon#1=/scopia/chair_1.png
creator#1=Scopia
name#2=Table
model#2=/scopia/table/table.obj
icon#2=/scopia/table.png
creator#2=Someone
modelRotation#2=0 0 1 0 1 0 -1 0 0
"""


def library(path, text=ENTRY, members=()):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("PluginFurnitureCatalog.properties", text)
        for member in members:
            archive.writestr(member, "x")


def test_reads_names_rotations_and_credits(tmp_path):
    library(tmp_path / "Scopia.sh3f")
    chair, table = read_catalogue(tmp_path)
    assert (chair.shape_id, chair.name, chair.creator) == ("scopia-chair-1", "Café chair", "Scopia")
    assert chair.rotation == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    assert table.creator == "Someone (eTeks & Scopia)" and table.licence == "CC-BY-3.0"
    assert table.rotation == (0, 0, 1, 0, 1, 0, -1, 0, 0)


def test_nothing_without_a_licence(tmp_path):
    library(tmp_path / "Unknown.sh3f")
    with pytest.raises(ValueError, match="no licence is recorded"):
        read_catalogue(tmp_path)


def test_members_that_leave_the_archive_are_refused(tmp_path):
    library(tmp_path / "Scopia.sh3f", members=["../evil.txt"])
    with pytest.raises(ValueError, match="leads out of the archive"):
        unpack(tmp_path / "Scopia.sh3f", tmp_path / "out")
    assert not (tmp_path / "evil.txt").exists()
