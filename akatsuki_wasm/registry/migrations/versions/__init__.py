"""One file per revision, oldest first by name; each says the schema literally and imports no model."""
