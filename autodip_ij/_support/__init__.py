"""What every room may use and none owns: arrays, files, texts, versions."""
