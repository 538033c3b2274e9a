"""How good a ranking is: accuracies, the SHREC measures, distances between shapes, and intervals for all of them."""
