"""What several tiers of tests share: ports, processes, peers."""
