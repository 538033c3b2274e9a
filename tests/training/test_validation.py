from lib.training.validation import is_kept


def test_within_one_standard_error_of_the_best():
    # best 0.5 of 100 pictures: standard error 0.05
    assert is_kept(0.451, [0.1, 0.5, 0.3], 100)
    assert not is_kept(0.449, [0.1, 0.5, 0.3], 100)
    assert is_kept(0.9, [0.5], 100)
    assert is_kept(float("nan"), [float("nan")], 0), "without validation every epoch is kept"
