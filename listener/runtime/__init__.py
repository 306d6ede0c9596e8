"""What every process needs: health endpoint, logs, errors that are safe to log, fault points."""
