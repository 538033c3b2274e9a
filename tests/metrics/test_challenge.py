import numpy as np
import pytest

from lib.metrics.challenge import f_score, read_submission, score, write_submission


def loop_f_score(first, second, threshold=0.04):
    def share(points, others):
        return sum(
            min(sum((a - b) ** 2 for a, b in zip(p, o, strict=True)) for o in others) < threshold for p in points
        )

    p, r = share(first, second) / len(first), share(second, first) / len(second)
    return 100 * 2 * p * r / (p + r) if p + r else 0.0


def test_f_score_equals_the_loops():
    rng = np.random.default_rng(0)
    first, second = rng.random((40, 3)), rng.random((30, 3)) + [0.3, 0, 0]
    value = f_score(first, second)
    assert 0 < value < 100
    assert (
        value == pytest.approx(loop_f_score(first.tolist(), second.tolist())) == pytest.approx(f_score(second, first))
    )
    assert f_score(first, first) == 100 and f_score(first, first + 5) == 0


def test_the_threshold_is_on_squared_distances():
    assert f_score([[0, 0, 0]], [[0.19, 0, 0]]) == 100  # 0.0361
    assert f_score([[0, 0, 0]], [[0.21, 0, 0]]) == 0  # 0.0441
    # both points of the first set are near the second one's first point, its other point is near none: P 1, R 1/2
    assert f_score([[0, 0, 0], [0.1, 0, 0]], [[0, 0, 0], [9, 0, 0]]) == pytest.approx(100 * 2 * 0.5 / 1.5)


def test_score_by_hand():
    # six one-point shapes on a line, 0.15 apart: neighbours are within 0.2, others are not
    points = np.zeros((6, 1, 3))
    points[:, 0, 0] = 0.15 * np.arange(6)
    distances = [[0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0]]
    result = score(distances, [0, 4], points)
    # query 0 finds shapes 0 to 4: F is 100 for shapes 0 and 1; query 1 finds 5, 4, 3, 2, 1: 100 for 5, 4, 3
    assert result["top1"] == 0.5
    assert result["f_score"] == pytest.approx((2 * 100 / 5 + 3 * 100 / 5) / 2)
    assert result["score"] == pytest.approx(65 * 0.5 + 0.35 * 50)
    same = np.zeros((6, 1, 3))
    assert score(distances, [0, 5], same)["score"] == pytest.approx(100)  # the best that there is


def test_the_scorer_sees_what_the_distances_say():
    rng = np.random.default_rng(1)
    points, target = rng.random((30, 20, 3)) + 10 * rng.random((30, 1, 3)), rng.integers(0, 30, 50)
    distances = rng.random((50, 30))
    chance = score(distances, target, points)
    distances[np.arange(50), target] = 0
    assert score(distances, target, points)["top1"] == 1 and chance["top1"] < 0.3
    assert score(distances, target, points) == score(distances, target, points)  # nothing is drawn


def test_a_submission_comes_back_as_it_was_written(tmp_path):
    distances = np.array([[1e-7, 123456.5, 0.25], [1 / 3, -0.0, 2.0]])
    path = write_submission(tmp_path / "result.txt", distances)
    assert path.read_text() == "0000000: 0.000000, 123456.500000, 0.250000\n0000001: 0.333333, 0.000000, 2.000000\n"
    np.testing.assert_allclose(read_submission(path, ["a", "b", "c"]), distances, atol=5e-7)
    assert list(tmp_path.iterdir()) == [path]
    assert read_submission(write_submission(path, np.zeros((0, 3))), 3).shape == (0, 3)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("0000000: 1e-7, 2\n", "line 1: expected"),
        ("0000000: 1.0, 2.0\n0000002: 1.0, 2.0\n", "line 2: query 0000002 stands where 0000001 belongs"),
        ("0000000: 1.0, 2.0, 3.0\n", "line 1: 3 distances for 2 models"),
        ("0000000: nan, 2.0\n", "plain decimals"),
        ("0: 1.0, 2.0\n", "expected"),
    ],
)
def test_a_wrong_submission_is_refused_with_its_line(tmp_path, content, message):
    (tmp_path / "result.txt").write_text(content)
    with pytest.raises(ValueError, match=message):
        read_submission(tmp_path / "result.txt", 2)


def test_bad_input_is_named(tmp_path):
    with pytest.raises(ValueError, match="N > 0"):
        f_score(np.zeros((0, 3)), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="do not fit"):
        score(np.zeros((2, 3)), [0, 1], np.zeros((4, 5, 3)))
    with pytest.raises(ValueError, match="true shape in the gallery"):
        score(np.zeros((1, 3)), [-1], np.zeros((3, 5, 3)))
    with pytest.raises(ValueError, match="finite and not negative"):
        write_submission(tmp_path / "result.txt", [[-1.0]])
