"""What a command does when the machine fails it: it ends with whoever started it, and says what the disk said."""

import errno
import os
import threading
import time

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)


def sentence(error: OSError) -> str:
    """An OSError as one sentence: which file, why, and what to do."""
    where = error.filename2 or error.filename
    if where is not None and os.path.abspath(where).startswith(os.getcwd() + os.sep):
        where = os.path.relpath(where)
    place = f" while writing {where}" if where else ""
    if error.errno in NO_SPACE:
        return f"the disk is full{place} ({error.strerror}): what is finished is kept; free some space and run it again"
    if error.errno in READ_ONLY:
        return f"cannot write{f' {where}' if where else ''} ({error.strerror}): the folder is read-only, or not yours"
    return str(error)


def end_with_parent(seconds: float = 0.5) -> None:
    """Ends this process when its parent is gone.

    A stage whose `dvc repro` was killed would go on, and write into what the next `dvc repro` is working on. Its kernel
    polls for its parent in the same way (ipykernel does), so it ends too.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(seconds)
        os._exit(1)

    threading.Thread(target=watch, name="end with parent", daemon=True).start()
