"""The two engines that measure features: radtme's own, which is compiled, and pyradiomics, which defines the values."""
