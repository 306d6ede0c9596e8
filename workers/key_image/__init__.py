"""The key image: a picture of the outline and the score."""
