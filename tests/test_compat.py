"""Each guard in a fresh interpreter, since an import happens once per process."""

import subprocess
import sys
from pathlib import Path

import pytest

from lib import compat

ROOT = Path(__file__).resolve().parents[1]


def fresh(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_torchvision_models_and_transforms_work():
    code = """
from lib.compat import import_torchvision
tv = import_torchvision()
import torch
from torchvision.transforms.v2 import functional
model = tv.models.mobilenet_v3_small(weights=None).eval()
print(tuple(model(torch.zeros(1, 3, 32, 32)).shape), tuple(functional.resize(torch.zeros(1, 3, 8, 8), 4).shape))
print(import_torchvision() is tv)
"""
    assert fresh(code) == "(1, 1000) (1, 3, 4, 4)\nTrue"


def test_torchvision_survives_a_compiled_part_that_does_not_load():
    code = """
import torch
load = torch.ops.load_library
def refuse(path):
    if "torchvision" in str(path):
        raise OSError("libcudart.so.13: cannot open shared object file")
    return load(path)
torch.ops.load_library = refuse
from lib.compat import import_torchvision
print(import_torchvision().models.resnet18(weights=None).fc.in_features)
"""
    assert fresh(code) == "512"


def test_open3d_casts_a_ray():
    code = """
from lib.compat import import_open3d
o3d = import_open3d()
scene = o3d.t.geometry.RaycastingScene()
scene.add_triangles(o3d.t.geometry.TriangleMesh.from_legacy(o3d.geometry.TriangleMesh.create_box()))
hit = scene.cast_rays(o3d.core.Tensor([[0.5, 0.5, -2.0, 0.0, 0.0, 1.0]], dtype=o3d.core.float32))
print(hit["t_hit"].numpy().round(4))
"""
    assert fresh(code) == "[2.]"


def test_a_missing_library_ends_in_one_sentence(monkeypatch):
    def refuse(name):
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(compat.importlib, "import_module", refuse)
    monkeypatch.setattr(compat, "_loads", lambda library: library not in ("libGL.so.1", "libX11.so.6"))
    with pytest.raises(ImportError, match=r"apt-get install libgl1 libx11-6`"):
        compat.import_open3d()
