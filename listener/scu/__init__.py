"""Service Class User: associations that this program requests."""
