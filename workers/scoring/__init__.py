"""The signature's score of a case, its drift against training, and the shadow signature."""
