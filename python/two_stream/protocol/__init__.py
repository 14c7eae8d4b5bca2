"""The test protocol of section 4.1: 25 samples, 10 crops."""
