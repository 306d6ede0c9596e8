"""Step ``publish``: model card, TRIPOD+AI checklist, registry entry."""
