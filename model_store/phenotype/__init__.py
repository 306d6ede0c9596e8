"""Step ``phenotype``: from RNA-seq counts to the hot and cold clusters."""
