"""From embeddings to a ranking: similarities of pictures and shapes, and the order they put the gallery in."""
