"""Writers: one module per file type."""
