"""Storage and Verification SCP: accepts, stores, pairs and announces objects. It never decodes pixel data."""
