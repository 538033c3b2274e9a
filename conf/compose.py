"""Writes params.yaml from conf/, with the function that `dvc exp run` uses. usage: python conf/compose.py"""

from pathlib import Path

from dvc.utils.hydra import compose_and_dump

CONF = Path(__file__).resolve().parent


def compose(target: Path) -> Path:
    """Composes conf/config.yaml with its groups into `target`; returns it."""
    plugins = CONF.parent / ".dvc" / "hydra_plugins"  # none; DVC's function wants a path
    compose_and_dump(target, str(CONF), None, "config", str(plugins), [])
    return target


if __name__ == "__main__":
    print(f"wrote {compose(CONF.parent / 'params.yaml').name}")
