"""The encoders and the two systems, each readable from top to bottom."""
