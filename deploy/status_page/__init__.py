"""A small page that shows what ``radtme status`` shows, for those who have a browser and no terminal. Read only."""
