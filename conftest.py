"""For pytest and nbval: the kernels of replayed notebooks get the same environment as the pipeline's."""

import os
from pathlib import Path

from lib.run import kernel_environment

os.environ.update(kernel_environment(Path(__file__).parent))


def pytest_collectstart(collector):
    """nbval compares outputs; what a notebook writes to stderr (warnings, progress) is not one."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)
