"""The training loops of both systems, in plain sight."""
