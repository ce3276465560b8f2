"""Files in, files out, the image type, tiles, grey-value windows."""
