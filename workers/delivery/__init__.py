"""Delivery of results: the outbox, attempts, storage commitment, circuit breaker."""
