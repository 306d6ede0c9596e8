"""Resampling, filters, ring and radiomics features of tumour and ring."""
