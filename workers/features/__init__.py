"""Resampling, filters, the peritumoral ring, and radiomics features of tumour and ring."""
