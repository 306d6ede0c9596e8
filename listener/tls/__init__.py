"""TLS contexts, certificates, and what to tell a person when a handshake fails."""
