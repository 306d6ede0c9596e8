"""The configuration file: reading, values, schema, checks, change audit."""
