"""What all result objects share, the segmentation and the key image."""
