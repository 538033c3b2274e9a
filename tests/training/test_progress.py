from lib.training import progress


def test_a_line_says_what_is_left(monkeypatch):
    now = iter([100.0, 130.0, 170.0])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(now))
    clock = progress.Clock(4)
    means = {"loss": 1.25, "accuracy": 0.5}
    first = clock.line(3, 6, means, 0.125)
    assert first == "  epoch 3 of 6: loss 1.250, accuracy 0.500, val top-1 0.125, 30 s, about 1:30 left"
    assert clock.line(4, 6, means, 0.125).endswith("35 s, about 1:10 left")
