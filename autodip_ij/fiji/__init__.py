"""The bridge to Fiji: images, progress, worker process, installation. Java lives here."""
