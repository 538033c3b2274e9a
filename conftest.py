"""For pytest and nbval: the kernels of replayed notebooks get the same environment as the pipeline's."""

import gc
import os
from pathlib import Path

gc.set_threshold(50_000, 20, 50)  # as in the pipeline's kernels: torch is imported in two thirds of the time

from nbval.kernel import RunningKernel  # noqa: E402

from lib.run import kernel_environment  # noqa: E402

os.environ.update(kernel_environment(Path(__file__).parent))


def pytest_collectstart(collector):
    """nbval compares outputs; what a notebook writes to stderr (warnings, progress) is not one."""
    if hasattr(collector, "skip_compare"):
        collector.skip_compare += ("stderr",)


def execute_cell_input(self, cell_input, allow_stdin=None):
    """As nbval's own, but with history: IPython silences a value by a trailing `;` only in cells that are in it."""
    return self.kc.execute(cell_input, silent=False, store_history=True, allow_stdin=allow_stdin, stop_on_error=False)


RunningKernel.execute_cell_input = execute_cell_input
