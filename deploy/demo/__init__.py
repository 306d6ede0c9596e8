"""``radtme demo``: the whole chain on a generated study."""
