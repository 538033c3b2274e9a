"""One line per epoch on stderr: how it goes, and how long it still takes."""

import time


class Clock:
    """Times the epochs that are left; a resumed run counts its own alone."""

    def __init__(self, epochs: int):
        self.began, self.epochs, self.done = time.monotonic(), epochs, 0

    def line(self, epoch: int, of: int, means: dict[str, float], val_top1: float) -> str:
        """`epoch 2 of 8: loss 1.234, accuracy 0.567, val top-1 0.654, 31 s, about 3:06 left`; one call per epoch."""
        self.done += 1
        took = time.monotonic() - self.began
        left = round(took / self.done * (self.epochs - self.done))
        return (
            f"  epoch {epoch} of {of}: loss {means['loss']:.3f}, accuracy {means['accuracy']:.3f}, "
            f"val top-1 {val_top1:.3f}, {took / self.done:.0f} s, about {left // 60}:{left % 60:02d} left"
        )
