"""What the two systems minimise, as plain functions of similarities and embeddings."""
