"""The coded concepts of audit messages (PS3.15 section A.5.3, PS3.16 CID 400 to 405)."""

from dataclasses import dataclass

DCM = "DCM"
PRIVATE = "99RADTME"


@dataclass(frozen=True)
class Code:
    """A coded concept, as attributes of an element of an audit message."""

    value: str
    scheme: str
    meaning: str


# Event ID (CID 400) ---------------------------------------------------------------------------------------------------
APPLICATION_ACTIVITY = Code("110100", DCM, "Application Activity")
AUDIT_LOG_USED = Code("110101", DCM, "Audit Log Used")
BEGIN_TRANSFERRING = Code("110102", DCM, "Begin Transferring DICOM Instances")
INSTANCES_ACCESSED = Code("110103", DCM, "DICOM Instances Accessed")
INSTANCES_TRANSFERRED = Code("110104", DCM, "DICOM Instances Transferred")
STUDY_DELETED = Code("110105", DCM, "DICOM Study Deleted")
SECURITY_ALERT = Code("110113", DCM, "Security Alert")
EVENTS = (
    APPLICATION_ACTIVITY,
    AUDIT_LOG_USED,
    BEGIN_TRANSFERRING,
    INSTANCES_ACCESSED,
    INSTANCES_TRANSFERRED,
    STUDY_DELETED,
    SECURITY_ALERT,
)

# Event Type Code (CID 401, CID 403) -----------------------------------------------------------------------------------
APPLICATION_START = Code("110120", DCM, "Application Start")
APPLICATION_STOP = Code("110121", DCM, "Application Stop")
NODE_AUTHENTICATION = Code("110126", DCM, "Node Authentication")
SECURITY_CONFIGURATION = Code("110129", DCM, "Security Configuration")
SOFTWARE_CONFIGURATION = Code("110131", DCM, "Software Configuration")
AUDIT_RECORDING_STOPPED = Code("110133", DCM, "Audit Recording Stopped")
AUDIT_RECORDING_STARTED = Code("110134", DCM, "Audit Recording Started")
CASE_HELD = Code("case-held", PRIVATE, "Case held")
CASE_RELEASED = Code("case-released", PRIVATE, "Case released")
CASE_DROPPED = Code("case-dropped", PRIVATE, "Case dropped")
CASE_RETRIED = Code("case-retried", PRIVATE, "Case tried again")
SCORING = Code("scoring", PRIVATE, "Radiomics scoring")

# Role ID Code (CID 402) ----------------------------------------------------------------------------------------------
APPLICATION = Code("110150", DCM, "Application")
APPLICATION_LAUNCHER = Code("110151", DCM, "Application Launcher")
DESTINATION = Code("110152", DCM, "Destination Role ID")
SOURCE = Code("110153", DCM, "Source Role ID")

# Participant Object ID Type Code (CID 404, RFC 3881 section 5.5.4) ----------------------------------------------------
STUDY_INSTANCE_UID = Code("110180", DCM, "Study Instance UID")
NODE_ID = Code("110182", DCM, "Node ID")
PATIENT_NUMBER = Code("2", "RFC-3881", "Patient Number")
URI = Code("12", "RFC-3881", "URI")
SIGNATURE_DIGEST = Code("signature", PRIVATE, "SHA-256 of the radiomics signature")
