"""Every file of a dataset opened once, before anything is computed: what cannot be used is listed with its reason."""

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed
from PIL import Image

from lib.data.decode import looks_inverted
from lib.data.images import find_mask, read_mask, read_picture
from lib.data.tables import file_of, leaves_root, validate
from lib.geometry.mesh import normalise, read_mesh

ON_ERROR = ("skip", "fail")
REJECTED = ["table", "id", "reason"]


class RejectedError(ValueError):
    """Files cannot be used and `on_error` is `fail`; the message names the first of them and why."""


def check_files(
    shapes: pd.DataFrame,
    queries: pd.DataFrame,
    root: Path,
    on_error: str = "skip",
    jobs: int = 2,
    backend: str = "loky",
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Both tables without the rows that cannot be used, and these as rows of `table, id, reason`.

    A row is left out when it repeats an id, when a path of it leaves `root` or leads nowhere, when its mesh, picture
    or mask cannot be read, when the mask is empty or inverted, and when its shape was left out. `on_error: fail` raises
    RejectedError instead. What is wrong with a table as a whole (a column is missing, splits leak) raises TableError.
    """
    if on_error not in ON_ERROR:
        raise ValueError(f"prepare.on_error: {on_error!r} is none of {', '.join(ON_ERROR)}")
    validate(shapes.iloc[:0], queries.iloc[:0])  # the columns
    root = Path(root)
    bad_shape = first_fault(row_faults(shapes, ["mesh"], root))
    todo = shapes[bad_shape.eq("") & shapes["mesh"].ne("")]
    bad_shape[todo.index] = Parallel(jobs, backend=backend)(delayed(mesh_fault)(root / mesh) for mesh in todo["mesh"])
    gone = set(shapes["shape_id"][bad_shape.ne("")]) - set(shapes["shape_id"][bad_shape.eq("")])
    orphan = queries["shape_id"].isin(gone).map({True: "its shape is left out", False: ""})
    bad_query = first_fault([*row_faults(queries, ["image", "mask"], root), orphan])
    todo = queries[bad_query.eq("")]
    rows = zip(todo["image"], todo["mask"], strict=True)
    bad_query[todo.index] = Parallel(jobs, prefer="threads")(delayed(picture_fault)(root, *row) for row in rows)
    rejected = pd.DataFrame(
        [
            (table, *row)
            for table, frame, bad in (("shapes", shapes, bad_shape), ("queries", queries, bad_query))
            for row in zip(frame.iloc[:, 0][bad.ne("")], bad[bad.ne("")], strict=True)
        ],
        columns=REJECTED,
    )
    if root.is_absolute():  # a report is the same wherever the data lie
        reasons = rejected["reason"].str.replace(f"{root}/", "", regex=False)
        rejected["reason"] = reasons.str.replace(f"{root}", "the root", regex=False)
    if len(rejected) and on_error == "fail":
        first = "; ".join(f"{row.table} {row.id!r}: {row.reason}" for row in rejected.head(5).itertuples())
        raise RejectedError(f"{len(rejected)} rows cannot be used: {first} (`prepare.on_error: skip` leaves them out)")
    shapes = shapes[bad_shape.eq("")].reset_index(drop=True)
    queries = queries[bad_query.eq("")].reset_index(drop=True)
    validate(shapes, queries)
    return shapes, queries, rejected


def row_faults(frame: pd.DataFrame, columns: Iterable[str], root: Path) -> list[pd.Series]:
    """What a table's own rows say wrong, before a file is opened: per kind of fault a reason, or empty text, by row."""
    key = frame.columns[0]
    faults = [frame[key].duplicated().map({True: f"repeats a {key}", False: ""})]
    for column in columns:
        faults.append(
            frame[column].map(lambda p, c=column: f"{p}: a path that leaves the root" if leaves_root(p) else "")
        )
        faults.append(frame[column].map(lambda p, c=column: "" if found(root, p) else f"{p}: no such {c}"))
    return faults


def found(root: Path, address: str) -> bool:
    """Whether a path, or the file of an address such as `train.json#12`, is below the root; empty text is no path."""
    return address == "" or (root / file_of(address)).is_file()


def first_fault(faults: list[pd.Series]) -> pd.Series:
    """The first reason of every row."""
    result = faults[0].copy()
    for fault in faults[1:]:
        result = result.where(result.ne(""), fault)
    return result


def mesh_fault(path: Path) -> str:
    """Why a mesh cannot be drawn, or empty text."""
    return reason(lambda: normalise(*read_mesh(path)), path)


def picture_fault(root: Path, image: str, mask: str) -> str:
    """Why a picture cannot be asked with, or empty text."""

    def look() -> str:
        picture = read_picture(root / image)
        address = find_mask(root / image, mask, root)
        if address is None:
            return ""
        alpha = address if isinstance(address, Image.Image) else read_mask(address, picture.size)
        if alpha.getextrema()[1] < 128:
            return f"{mask}: the mask is empty"
        return f"{mask}: the mask is inverted (all of its edge is object)" if looks_inverted(alpha) else ""

    return reason(look, root / image)


def reason(attempt: Callable[[], object], path: Path) -> str:
    """What `attempt` returns if that is text, else empty text; the message (naming the file) of whatever it raises."""
    try:
        result = attempt()
        return result if isinstance(result, str) else ""
    except Exception as error:  # a file of a stranger may break a reader in any way
        text = str(error) or type(error).__name__
        return text if str(path.name) in text else f"{path}: {text}"
