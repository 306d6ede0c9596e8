"""Step ``validate``: a signature against cohorts that it was not trained on."""
