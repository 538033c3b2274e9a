"""Pickles of published datasets, read without trusting them.

A pickle is a program: it names functions and has them called. Here the only names it may use are those that numpy
arrays and Pillow pictures are written with, and each of them leads to one of the small classes below instead of to the
real function, so that nothing runs, no file is opened and no memory is taken beyond what the file itself holds.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


class UnsafePickle(ValueError):
    """The file asks for something that is neither a numpy array nor a picture; the message names it."""


class Array:
    """Stands for numpy's `_reconstruct(ndarray, shape, code)`: an empty array, which its state fills afterwards."""

    def __new__(cls, kind: type = object, shape: tuple = (), code: bytes = b"") -> np.ndarray:
        if kind is not Array:
            raise UnsafePickle("an array of a kind that is not numpy.ndarray")
        return np.ndarray.__new__(np.ndarray, (0,), np.int8)

    def __setstate__(self, state: object) -> None:
        raise UnsafePickle("a state for numpy's own functions")


class Buffer(Array):
    """Stands for numpy's `_frombuffer`, which arrays are written with since pickle protocol 5."""

    def __new__(cls, data: bytes, dtype: np.dtype, shape: tuple, order: str, *_: object) -> np.ndarray:
        return np.frombuffer(data, dtype).reshape(shape, order=order)


class Scalar(Array):
    """Stands for numpy's `scalar(dtype, bytes)`."""

    def __new__(cls, dtype: np.dtype, data: bytes | str) -> Any:
        data = data.encode("latin1") if isinstance(data, str) else data
        return np.frombuffer(data, dtype)[0]


class Latin1(Array):
    """Stands for `_codecs.encode(text, "latin1")`, which bytes are written with before pickle protocol 3."""

    def __new__(cls, text: str, *_: object) -> bytes:
        return text.encode("latin1")


class Picture:
    """Stands for every class of picture; `__array__` gives its grey values, (H, W) uint8."""

    grey: np.ndarray

    def __setstate__(self, state: list) -> None:
        _, mode, (width, height), palette, data = state[:5]
        if width * height > 8 * len(data):
            raise UnsafePickle(f"a picture of {width} x {height} pixels from {len(data)} bytes")
        picture = Image.frombytes(mode, (width, height), data)
        if mode == "P" and palette:
            picture.putpalette(palette)
        self.grey = np.asarray(picture.convert("L"))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self.grey if dtype is None else self.grey.astype(dtype)


class Bare:
    """Stands for `copyreg._reconstructor(class, object, None)`, which pickles before protocol 2 make pictures with."""

    def __new__(cls, kind: type, *_: object) -> Picture:
        if kind is not Picture:
            raise UnsafePickle("an object of a kind that is not a picture")
        return Picture()

    def __setstate__(self, state: object) -> None:
        raise UnsafePickle("a state for Python's own functions")


ALLOWED = {
    ("numpy", "ndarray"): Array,
    ("numpy", "dtype"): np.dtype,
    ("_codecs", "encode"): Latin1,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): Array for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): Scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): Buffer for core in ("core", "_core")},
    **{(module, "_reconstructor"): Bare for module in ("copy_reg", "copyreg")},
    **{(module, "object"): object for module in ("__builtin__", "builtins")},
    ("PIL.Image", "Image"): Picture,
    **{(f"PIL.{kind}ImagePlugin", f"{kind}ImageFile"): Picture for kind in ("Bmp", "Jpeg", "Png")},
}


class Unpickler(pickle.Unpickler):
    """A reader that knows the names in `ALLOWED` and no other."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for a name, or UnsafePickle."""
        if (module, name) not in ALLOWED:
            raise UnsafePickle(f"{module}.{name}")
        return ALLOWED[module, name]


def load_pickle(path: Path) -> Any:
    """What a pickle holds: plain containers, text and numbers, numpy arrays, and pictures as `Picture`.

    Text of Python 2 is read as Latin-1. Raises FileNotFoundError, UnsafePickle naming the file and what it asked for,
    or ValueError when the file is damaged.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file")
    with path.open("rb") as file:
        try:
            return Unpickler(file, encoding="latin1").load()
        except UnsafePickle as error:
            raise UnsafePickle(
                f"{path}: refused, it asks for {error}; only numpy arrays and Pillow pictures are read"
            ) from None
        except Exception as error:  # a damaged pickle can fail in any of its instructions
            raise ValueError(f"{path}: cannot be read as a pickle ({type(error).__name__}: {error})") from error
