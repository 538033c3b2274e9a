"""What is asked once and not in every run: how much a method can take, and what each of its parts is worth."""
