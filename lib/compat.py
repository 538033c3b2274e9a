"""Two guards for wheels that expect libraries a bare machine lacks; each does nothing where it is not needed.

Whoever uses torchvision or timm calls `import_torchvision()` first; whoever uses open3d calls `import_open3d()`.
"""

import ctypes
import importlib
import importlib.util
from pathlib import Path
from types import ModuleType

OPEN3D_NEEDS = {
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libX11.so.6": "libx11-6",
    "libudev.so.1": "libudev1",
    "libidn2.so.0": "libidn2-0",
    "libgomp.so.1": "libgomp1",
    "libusb-1.0.so.0": "libusb-1.0-0",
}
_library = None  # a torch.library.Library takes its definitions with it when it is collected


def import_torchvision() -> ModuleType:
    """torchvision, also where its compiled part cannot be loaded (a CUDA wheel beside a torch without CUDA).

    torchvision registers fake kernels for `nms` and `qnms` at import and fails if the compiled part, which defines the
    two operators, did not load. Defining their schemas first is enough for models and transforms.
    """
    global _library
    if _library is None and not _compiled_part_loads():
        import torch

        _library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            _library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return importlib.import_module("torchvision")


def import_open3d() -> ModuleType:
    """open3d, with the USB library of the package `libusb-package` where the system has none.

    Raises ImportError with the system packages to install when other libraries are missing.
    """
    if not _loads("libusb-1.0.so.0"):
        spec = importlib.util.find_spec("libusb_package")
        folder = Path(spec.origin).parent if spec and spec.origin else None
        bundled = next(folder.glob("libusb-1.0*"), None) if folder else None
        if bundled is not None:
            # RTLD_GLOBAL and the same soname: the loader then finds it already there
            ctypes.CDLL(str(bundled), mode=ctypes.RTLD_GLOBAL)
    try:
        return importlib.import_module("open3d")
    except (ImportError, OSError) as error:
        if isinstance(error, ModuleNotFoundError):
            raise
        raise ImportError(_advice(error)) from error


def _advice(error: Exception) -> str:
    missing = " ".join(package for library, package in OPEN3D_NEEDS.items() if not _loads(library))
    return f"open3d needs system libraries ({error}): on Debian and Ubuntu, `apt-get install {missing or 'libgl1'}`"


def _compiled_part_loads() -> bool:
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return True  # not installed: let the import itself say so
    import torch

    for folder in spec.submodule_search_locations:
        for library in sorted(Path(folder).glob("_C*.so")):
            try:
                torch.ops.load_library(str(library))
            except OSError:
                return False
    return True


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
