"""The study steps as the commands run them."""
