"""What CMIC does to pictures before they are encoded: colour transfer and random crops. Batched, on CPU or GPU."""
