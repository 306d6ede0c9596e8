"""What all result objects share: codes, UIDs, common modules, references, the record of a result; the segmentation."""
