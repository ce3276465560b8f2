"""ImageJ's images to arrays and back, with their looks and their source."""
