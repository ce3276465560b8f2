"""The paper's tables and images, made again."""
