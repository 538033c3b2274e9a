import io
import os
import pickle
import subprocess
from functools import partial

import numpy as np
import pytest
from PIL import Image

from lib.data import unpickle
from lib.data.unpickle import UnsafePickle, load_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Call:
    """Pickles as a call: `Call(f, x)` makes whoever loads it call f(x)."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def stored(tmp_path, thing, protocol=4):
    path = tmp_path / "file.pkl"
    path.write_bytes(thing if isinstance(thing, bytes) else pickle.dumps(thing, protocol))
    return path


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_scalars_and_containers_come_back_as_they_were(tmp_path, protocol):
    thing = {
        "chair": [np.arange(12, dtype=np.uint8).reshape(3, 4), np.asfortranarray(np.ones((2, 3)))],
        "text": ("é", b"\x00\xff", 1, 2.5, None, True),
        "scalar": np.float32(0.5),
    }
    again = load_pickle(stored(tmp_path, thing, protocol))
    assert again["text"] == thing["text"] and again["scalar"] == thing["scalar"]
    for left, right in zip(again["chair"], thing["chair"], strict=True):
        assert type(left) is np.ndarray and left.dtype == right.dtype
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_pictures_come_back_as_grey_values(tmp_path, protocol, mode):
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (5, 7), np.uint8)).convert(mode)
    expected = np.asarray(picture.convert("L"))
    np.testing.assert_array_equal(load_pickle(stored(tmp_path, [picture], protocol))[0], expected)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures_that_were_opened_from_files_are_read_too(tmp_path, kind):
    file = io.BytesIO()
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(file, kind)
    opened = Image.open(file)
    opened.load()
    np.testing.assert_array_equal(load_pickle(stored(tmp_path, opened)), np.asarray(opened))


def test_pickles_of_python_2_are_read(tmp_path):
    text = b"(dp0\nS'00235.jpg'\np1\n(dp2\nS'model_id'\np3\nS'8b72'\np4\nsS'f'\np5\nF346.5\nss."
    assert load_pickle(stored(tmp_path, text)) == {"00235.jpg": {"model_id": "8b72", "f": 346.5}}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    ("function", "asked"),
    [
        (os.system, "system"),
        (eval, "eval"),
        (open, "open"),
        (getattr, "getattr"),
        (subprocess.Popen, "Popen"),
        (np.load, "numpy.*load"),
        (np.save, "numpy.*save"),
        (Image.open, "PIL.Image.open"),
        (partial, "functools.partial"),
    ],
)
def test_planted_calls_are_refused_by_name_and_not_made(tmp_path, function, asked, protocol):
    trace = tmp_path / "trace"
    attack = Call(function, f"touch {trace}" if function is os.system else f"open({str(trace)!r}, 'w')")
    with pytest.raises(UnsafePickle, match=rf"file\.pkl: refused, it asks for \S*{asked}; only numpy arrays and"):
        load_pickle(stored(tmp_path, {"chair": {"a": [attack]}}, protocol))
    assert not trace.exists()


def test_an_attribute_of_an_allowed_name_is_not_allowed(tmp_path):
    attack = b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93."  # STACK_GLOBAL numpy, ndarray.tofile
    with pytest.raises(UnsafePickle, match=r"numpy\.ndarray\.tofile"):
        load_pickle(stored(tmp_path, attack))


def test_picture_classes_open_no_file(tmp_path):
    Image.new("L", (4, 4)).save(tmp_path / "p.png")
    attack = b"cPIL.PngImagePlugin\nPngImageFile\n(S'%s'\ntR." % str(tmp_path / "p.png").encode()
    with pytest.raises(ValueError, match="cannot be read as a pickle"):
        load_pickle(stored(tmp_path, attack))


def test_other_objects_are_not_made_by_the_help_of_copyreg(tmp_path):
    attack = b"ccopy_reg\n_reconstructor\n(cnumpy\ndtype\nc__builtin__\nobject\nNtR."
    with pytest.raises(UnsafePickle, match="an object of a kind that is not a picture"):
        load_pickle(stored(tmp_path, attack))


@pytest.mark.parametrize("name", ["_reconstruct", "scalar"])
def test_the_stand_ins_cannot_be_tampered_with(tmp_path, name):
    before = dict(vars(unpickle.Array))
    attack = b"cnumpy.core.multiarray\n%s\n(N(dS'__new__'\nI1\nstb." % name.encode()  # BUILD with (None, {...})
    with pytest.raises(ValueError, match="cannot be read as a pickle"):
        load_pickle(stored(tmp_path, attack))
    assert dict(vars(unpickle.Array)) == before


def test_no_memory_is_taken_that_the_file_does_not_fill(tmp_path):
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I4000000000000\ntS'b'\ntR."
    assert load_pickle(stored(tmp_path, array)).nbytes == 0
    state = [{}, "L", (300_000, 300_000), None, b"abc"]
    picture = b"cPIL.Image\nImage\n)\x81" + pickle.dumps(state, 2)[2:-1] + b"b."
    with pytest.raises(UnsafePickle, match="300000 x 300000 pixels from 3 bytes"):
        load_pickle(stored(tmp_path, picture))


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps({"a": np.zeros(9)})[:-20]])
def test_damaged_files_are_named(tmp_path, content):
    with pytest.raises(ValueError, match=r"file\.pkl: cannot be read as a pickle"):
        load_pickle(stored(tmp_path, content))
    with pytest.raises(FileNotFoundError, match=r"none\.pkl: no such file"):
        load_pickle(tmp_path / "none.pkl")
