import matplotlib.pyplot as plt
import numpy as np
import pytest

from lib.report.confusion import confusion_map, confusion_table, most_confused

GALLERY = np.array(["chair", "stool", "bed", "other", "chair"])


@pytest.fixture
def table():
    """Chairs: one is taken for a chair (its own shape left out), one for a stool; the bed for what is no category."""
    similarity = np.array([[9, 1, 2, 3, 8], [9, 7, 1, 1, 2], [0, 0, 0, 5, 0], [0, 9, 0, 0, 0]], float)
    exclude = np.zeros((4, 5), bool)
    exclude[0, 0] = exclude[1, 0] = True
    yield confusion_table(similarity, np.array(["chair", "chair", "bed", "other"]), GALLERY, exclude)
    plt.close("all")


def test_rows_are_shares_of_the_queries_and_the_own_shape_does_not_count(table):
    assert sorted(table.index) == ["bed", "chair"]
    assert table.columns[-1] == "other"
    assert table.loc["chair", "chair"] == 0.5
    assert table.loc["bed", "other"] == 1.0


def test_the_largest_mistakes_come_first():
    names = np.array(["a", "a", "a", "b", "c"])
    similarity = np.eye(3)[[0, 1, 1, 0, 2]]
    table = confusion_table(similarity, names, np.array(["a", "b", "c"]), np.zeros((5, 3), bool))
    assert most_confused(table).values.tolist() == [["b", "a", 1.0], ["a", "b", pytest.approx(2 / 3)]]
    places = {name: k for k, name in enumerate(table.index)}
    assert abs(places["a"] - places["b"]) == 1  # confused, so side by side


def test_the_map_shows_the_table(table):
    axis = confusion_map(table, "confusion").axes[0]
    assert np.array_equal(axis.images[0].get_array(), table.to_numpy())
    assert [t.get_text() for t in axis.get_yticklabels()] == list(table.index)
