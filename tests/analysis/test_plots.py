"""Figures are written and hold what they say; looks are for eyes."""

import numpy as np
import pytest

from distreward.analysis import plots
from distreward.data.agreement import agreement_masks, level_counts
from distreward.errors import InputError

PNG = b"\x89PNG"


def test_both_figures_are_png_files(tmp_path):
    rng = np.random.default_rng(0)
    masks = agreement_masks(level_counts(rng.integers(-2, 3, size=(50, 4)).tolist()))
    gaps = {"one": rng.normal(size=50), "two": rng.normal(size=50)}
    path = plots.plot_gaps_by_category(gaps, masks, tmp_path / "gaps.png")
    assert path.read_bytes()[:4] == PNG
    scores = {"probability": rng.random(50), "gap": -rng.random(50)}
    path = plots.plot_true_divergence(rng.random(50), scores, tmp_path / "true.png")
    assert path.read_bytes()[:4] == PNG


def test_without_matplotlib_the_remedy_is_named(monkeypatch, tmp_path):
    import builtins

    real_import = builtins.__import__

    def no_matplotlib(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real_import(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", no_matplotlib)
    with pytest.raises(InputError, match=r"distreward\[demo\]"):
        plots.plot_gaps_by_category({"one": np.ones(2)}, {}, tmp_path / "x.png")
