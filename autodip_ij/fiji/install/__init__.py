"""What is put into a Fiji folder, and whether it works there."""
