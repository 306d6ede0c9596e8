"""The summary report as HL7 FHIR R5 resources, by the DICOM SR to FHIR Resource Mapping guide."""
