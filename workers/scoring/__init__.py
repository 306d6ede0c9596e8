"""The signature's score of a case, its stability, drift against training, and the shadow signature."""
