"""What is checked and estimated before a run: whether images suit a bundle, how long it will take, how much memory."""
